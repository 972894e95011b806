#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tagwerk_protocol::form;
use tagwerk_server::groups::Groups;
use tagwerk_server::reading::{Context, Corrections, Ids, RawRequest, Refusal, read};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::store::{Channel, Said};

static GROUPS: LazyLock<Groups> = LazyLock::new(|| Groups::load(None).expect("the built-in groups load"));
static PLAIN: LazyLock<SiteSettings> = LazyLock::new(SiteSettings::default);
/// A site that has set everything that reading depends on.
static OWN: LazyLock<SiteSettings> = LazyLock::new(|| {
    let of_group = serde_json::json!({ "currency": "USD", "click_expiry_days": 30, "senders": ["192.0.2.1"] });
    let groups: serde_json::Map<_, _> = GROUPS.iter().map(|group| (group.name.clone(), of_group.clone())).collect();
    let settings = serde_json::json!({
        "purchase_value": "affiliate",
        "types": [
            { "name": "Upsell", "from": { "order_type": ["upsell"] }, "repeat": "edit" },
            { "name": "Lead", "from": { "type": ["reg", "signup"] }, "repeat": "ignore_by_event_id" },
            { "name": "Purchase", "from": { "transaction_type": ["payment"] }, "repeat": "add_payout" },
        ],
        "groups": groups,
    });
    SiteSettings::read(&settings).expect("settings that can be")
});

fn said(
    settings: &SiteSettings,
    channel: Channel,
    group: &str,
    raw: &RawRequest,
    fixes: &Corrections,
) -> Result<Said, Refusal> {
    let context = Context { groups: &GROUPS, settings, passphrase: &|_| Some("secret".into()) };
    let ids = Ids { postback: "row", conversion: "conversion".into() };
    read(&context, channel, group, raw, fixes, ids)
}

// One line each: channel, group, who sent it, what the body is said to be, corrections, query; the rest is the body.
fuzz_target!(|text: &str| {
    let mut lines = text.splitn(7, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let channel = Channel::parse(line()).unwrap_or(Channel::Collect);
    let named = line();
    let raw = RawRequest {
        method: "POST".into(),
        source_ip: line().to_owned(),
        content_type: Some(line().to_owned()).filter(|kind| !kind.is_empty()),
        ..RawRequest::default()
    };
    let corrections: Corrections = form::pairs(line()).collect();
    let raw = RawRequest { query: line().to_owned(), body: line().to_owned(), ..raw };
    let known: Vec<&str> =
        GROUPS.iter().map(|group| group.name.as_str()).filter(|name| named.is_empty() || named == *name).collect();
    for group in if known.is_empty() { vec![named] } else { known } {
        for settings in [&*PLAIN, &*OWN] {
            let first = said(settings, channel, group, &raw, &corrections);
            assert_eq!(first, said(settings, channel, group, &raw, &corrections), "reading again says something else");
            // What a replay reads was stored between.
            let stored = serde_json::to_vec(&raw).expect("it can be stored");
            let stored: RawRequest = serde_json::from_slice(&stored).expect("and read");
            assert_eq!(stored, raw);
            match first {
                Err(refusal) => assert!(!refusal.to_string().is_empty()),
                Ok(Said::Nothing { reason, .. }) => assert!(!reason.is_empty()),
                Ok(Said::OrderEvent(event)) => assert!(!event.order_id.is_empty()),
                Ok(Said::Conversion { conversion_id, conversion }) => {
                    assert_eq!(conversion_id, "conversion");
                    assert!(!conversion.identity.is_empty() && !conversion.kind.is_empty());
                    let amounts = &conversion.amounts;
                    for amount in [amounts.affiliate, amounts.vendor, amounts.brutto, amounts.netto, conversion.value] {
                        amount.map(|amount| amount.scaled().expect("money can be stored"));
                    }
                    if channel == Channel::Pixel {
                        assert!(conversion.value.is_none() && conversion.transaction_id.is_none());
                    }
                    // Of several versions of a conversion, each is kept as JSON.
                    let json = serde_json::to_string(&conversion).expect("JSON");
                    assert_eq!(
                        serde_json::from_str::<tagwerk_protocol::conversion::Conversion>(&json).expect("read"),
                        *conversion
                    );
                }
            }
        }
    }
});
