//! What is sealed, and sealing it anew: nothing is missed, and nothing is put in the place of something newer.

use crate::given::{NOW, id, postback, postbacks, sale, site};
use serde_json::json;
use tagwerk_server::store::{
    DeliveryState, Job, JobKind, JobState, OutletRules, Pace, Page, Rereading, SealedKind, SealedText, Settled,
    Settling, SharedStore, Step,
};

async fn all(store: &SharedStore, kind: SealedKind) -> Vec<SealedText> {
    store.sealed(kind, None, 1000).await.expect("read")
}

/// Replaces what is there, as it was read; how much of it.
async fn replace(store: &SharedStore, kind: SealedKind, read: &[SealedText], text: &[u8]) -> usize {
    let texts = read.iter().map(|before| (before.clone(), text.to_vec())).collect();
    store.replace_sealed(kind, texts).await.expect("written")
}

/// Takes so many postbacks, each with its own raw request.
async fn taken(store: &SharedStore, site_id: &str, count: usize) {
    for number in 0..count {
        let mut received = postback(&sale(&number.to_string(), None));
        received.raw = format!("sealed {site_id} {number}").into_bytes();
        store.receive_postback(site_id, received).await.expect("it is taken");
    }
}

pub(crate) async fn what_is_sealed_is_read_in_parts_without_gap_or_repeat(store: SharedStore) {
    let sites = [site(&store).await, site(&store).await];
    for site_id in &sites {
        taken(&store, site_id, 5).await;
    }
    let (mut read, mut behind) = (Vec::new(), None);
    loop {
        let part = store.sealed(SealedKind::RawRequest, behind, 3).await.expect("read");
        read.extend(part.iter().map(|text| String::from_utf8(text.text.clone()).expect("text")));
        behind = part.last().cloned();
        if part.len() < 3 {
            break;
        }
    }
    read.sort();
    let mut expected: Vec<String> =
        sites.iter().flat_map(|site_id| (0..5).map(move |number| format!("sealed {site_id} {number}"))).collect();
    expected.sort();
    assert_eq!(read, expected);
    assert_eq!(all(&store, SealedKind::Corrections).await, [], "nobody corrected anything");
}

pub(crate) async fn a_sealed_text_is_replaced_where_it_is_as_it_was(store: SharedStore) {
    let site_id = site(&store).await;
    taken(&store, &site_id, 2).await;
    let read = all(&store, SealedKind::RawRequest).await;
    assert_eq!(replace(&store, SealedKind::RawRequest, &read[..1], b"anew").await, 1);
    assert_eq!(replace(&store, SealedKind::RawRequest, &read, b"too late").await, 1, "one is no longer as it was");
    let raw: Vec<Vec<u8>> = all(&store, SealedKind::RawRequest).await.into_iter().map(|text| text.text).collect();
    assert_eq!(raw, [b"anew".to_vec(), b"too late".to_vec()]);
    let row = store.postback(&site_id, &read[0].id).await.expect("read").expect("it is there");
    assert_eq!((row.raw.as_slice(), row.conversion_id.is_some()), (b"anew".as_slice(), true));
}

pub(crate) async fn corrections_of_a_site_that_is_replayed_stay(store: SharedStore) {
    let site_id = site(&store).await;
    taken(&store, &site_id, 1).await;
    let postback_id = postbacks(&store, &site_id).await[0].id.clone();
    let rereading =
        Rereading { postback_id, before: None, corrections: Some(b"sealed".to_vec()), said: Err("corrected".into()) };
    store.reread(&site_id, rereading).await.expect("it is read again").expect("it is known");
    let read = all(&store, SealedKind::Corrections).await;
    assert_eq!(read.len(), 1);
    let job = Job::new(&site_id, id(), JobKind::Replay, b"sealed".to_vec(), NOW);
    assert!(store.add_job(job.clone()).await.expect("written"));
    assert_eq!(replace(&store, SealedKind::Corrections, &read, b"anew").await, 0);
    assert_eq!(all(&store, SealedKind::Corrections).await, read);
    let done = Step { state: JobState::Done, ..Step::of(&job, NOW) };
    assert!(store.advance(&site_id, &job.id, done).await.expect("written"));
    assert_eq!(replace(&store, SealedKind::Corrections, &read, b"anew").await, 1);
    assert_eq!(postbacks(&store, &site_id).await[0].corrections.as_deref(), Some(b"anew".as_slice()));
}

pub(crate) async fn the_last_request_of_a_delivery_is_among_what_is_sealed(store: SharedStore) {
    let site_id = site(&store).await;
    let hook = OutletRules {
        platform: "hook".into(),
        fingerprint: "one".into(),
        everything: true,
        refunds: false,
        tests: false,
        click_params: Vec::new(),
        types: Vec::new(),
        events: Vec::new(),
        max_age: 86_400_000,
        min_click_age: 0,
    };
    let settings = json!({});
    assert!(store.replace_settings(&site_id, &settings, settings.clone(), vec![hook], NOW - 1).await.expect("written"));
    taken(&store, &site_id, 1).await;
    let delivery = store.deliveries(&site_id, Page::first(9)).await.expect("read").items.remove(0);
    assert_eq!(all(&store, SealedKind::Exchange).await, [], "nothing was sent yet");
    assert_eq!(store.claim(NOW, "lease", NOW + 1, 9).await.expect("claimed").len(), 1);
    let settled = Settled {
        id: delivery.id.clone(),
        state: DeliveryState::Delivered,
        reason: None,
        tried: true,
        not_before: NOW,
        receipt: None,
        last_status: Some(200),
        last_answer: None,
        exchange: Some(b"sealed".to_vec()),
    };
    let settling =
        Settling { now: NOW, lease: "lease".into(), until: None, settled: vec![settled], pace: Pace::default() };
    assert!(store.settle(&site_id, "hook", settling).await.expect("settled"));
    let read = all(&store, SealedKind::Exchange).await;
    assert_eq!(read, [SealedText { site_id: site_id.clone(), id: delivery.id.clone(), text: b"sealed".to_vec() }]);
    assert_eq!(replace(&store, SealedKind::Exchange, &read, b"anew").await, 1);
    let (_, exchange) = store.delivery(&site_id, &delivery.id).await.expect("read").expect("it is there");
    assert_eq!(exchange.as_deref(), Some(b"anew".as_slice()));
}
