#![no_main]

use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use tagwerk_server::platforms::{ALL, Answer, Fate, Outcome, Parcel};

// One line each: status, how many parcels were sent, how many seconds to wait; the rest is the body.
fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(4, '\n');
    let mut number = || lines.next().and_then(|line| line.trim().parse::<u16>().ok());
    let (status, count, seconds) = (number().unwrap_or(200).clamp(100, 999), number().unwrap_or(1), number());
    let retry_after = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let answer = Answer { status, retry_after, body: lines.next().unwrap_or_default().to_owned() };
    for platform in ALL {
        let name = platform.about().name;
        let count = usize::from(count).clamp(1, platform.about().limits.batch.min(50));
        let parcel =
            |index| Parcel { event_id: format!("event-{index}"), kind: "Purchase".into(), ..Parcel::default() };
        let parcels: Vec<Parcel> = (0..count).map(parcel).collect();
        let parcels: Vec<&Parcel> = parcels.iter().collect();
        let outcome = platform.outcome(&answer, &parcels);
        let fates = match &outcome {
            Outcome::All(fate) => std::slice::from_ref(fate),
            Outcome::Each(fates) => {
                assert_eq!(fates.len(), parcels.len(), "{name}: every parcel has a fate");
                fates
            }
            Outcome::Split(_) => &[],
        };
        if (500..600).contains(&status) || status == 429 {
            let is_lost = fates.iter().any(|fate| matches!(fate, Fate::Refused(_)));
            assert!(!is_lost, "{name}: HTTP {status} passes, yet it is {outcome:?}");
        }
        assert_eq!(platform.outcome(&answer, &parcels), outcome, "{name}: the same answer means the same");
        let fate = platform.enquired(&answer, "receipt");
        assert_eq!(platform.enquired(&answer, "receipt"), fate, "{name}: the same answer means the same");
    }
});
