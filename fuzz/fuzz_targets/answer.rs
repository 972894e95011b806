#![no_main]

use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use tagwerk_server::platforms::{ALL, Answer, Fate, Outcome, Parcel};

fn reason(fate: &Fate) -> Option<&str> {
    match fate {
        Fate::Delivered(warning) => warning.as_deref(),
        Fate::Duplicate(reason)
        | Fate::Later(_, reason)
        | Fate::Down(_, reason)
        | Fate::Refused(reason)
        | Fate::Renew(reason)
        | Fate::Stop(reason) => Some(reason),
        Fate::Enquire(receipt, _) => Some(receipt),
    }
}

// One line each: status, how many parcels were sent, how many seconds to wait; the rest is the body.
fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(4, '\n');
    let mut number = || lines.next().and_then(|line| line.trim().parse::<u16>().ok());
    let (status, count, seconds) = (number().unwrap_or(200), number().unwrap_or(1), number());
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
            Outcome::Split(reason) => {
                assert!(!reason.is_empty(), "{name}: a batch is halved for a reason");
                &[]
            }
        };
        assert!(fates.iter().filter_map(reason).all(|reason| !reason.is_empty()), "{name}: {outcome:?} has no reason");
        if status >= 500 || status == 429 {
            let is_later = matches!(&outcome, Outcome::All(Fate::Down(..) | Fate::Later(..)));
            assert!(is_later, "{name}: HTTP {status} passes, yet it is {outcome:?}");
        }
        assert_eq!(platform.outcome(&answer, &parcels), outcome, "{name}: the same answer means the same");
        let fate = platform.enquired(&answer, "receipt");
        assert!(reason(&fate).is_none_or(|reason| !reason.is_empty()), "{name}: {fate:?} has no reason");
    }
});
