#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha512};
use std::sync::LazyLock;
use tagwerk_protocol::form;
use tagwerk_protocol::group::Ipn;
use tagwerk_server::groups::Groups;
use tagwerk_server::reading::{Context, Corrections, Ids, RawRequest, Refusal, read};
use tagwerk_server::settings::SiteSettings;
use tagwerk_server::signature::check;
use tagwerk_server::store::{Channel, Said};

static GROUPS: LazyLock<Groups> = LazyLock::new(|| Groups::load(None).expect("the built-in groups load"));
static SETTINGS: LazyLock<SiteSettings> = LazyLock::new(SiteSettings::default);

type Pairs = Vec<(String, String)>;

/// The signature as the vendor's sample code makes it, once more: over the fields that are not empty, sorted by their names.
fn sign(pairs: &Pairs, passphrase: &str) -> String {
    let mut pairs: Vec<&(String, String)> = pairs.iter().filter(|(_, value)| !value.is_empty()).collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    let text: String = pairs.iter().map(|(name, value)| format!("{name}={value}{passphrase}")).collect();
    Sha512::digest(text).iter().map(|byte| format!("{byte:02X}")).collect()
}

fn body(pairs: &Pairs, signature: (&str, &str)) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        form::push(&mut text, name, value);
    }
    form::push(&mut text, signature.0, signature.1);
    text
}

/// Whether the server takes this body to be authentic; all it says of one then is looked at.
fn authentic(group: &str, ipn: &Ipn, body: &str, passphrase: &str) -> bool {
    let known = |_: &str| Some(passphrase.to_owned());
    let context = Context { groups: &GROUPS, settings: &SETTINGS, passphrase: &known };
    let raw = RawRequest { method: "POST".into(), body: body.to_owned(), ..RawRequest::default() };
    let ids = Ids { postback: "row", conversion: "conversion".into() };
    let said = read(&context, Channel::Ipn, group, &raw, &Corrections::new(), ids);
    let pairs: Pairs = form::pairs(body).collect();
    let fits = check(ipn.signature, &pairs, &ipn.signed_by, passphrase).is_ok();
    match said {
        Err(Refusal::Forbidden(_)) => assert!(!fits, "a right signature is refused"),
        Err(refusal) => panic!("an authentic notification is always taken: {refusal}"),
        Ok(said) => {
            assert!(fits, "a wrong signature passes");
            match said {
                Said::Conversion { conversion_id, conversion } => {
                    assert_eq!((conversion_id.as_str(), conversion.group.as_str()), ("conversion", group));
                    assert!(!conversion.identity.is_empty());
                    if let Some(value) = conversion.value {
                        value.scaled().expect("a value can be stored");
                    }
                }
                Said::OrderEvent(event) => assert!(!event.order_id.is_empty() && !event.event.is_empty()),
                Said::Nothing { reason, .. } => assert!(!reason.is_empty()),
            }
        }
    }
    fits
}

// The passphrase, a line break, and the body.
fuzz_target!(|text: &str| {
    let (passphrase, sent) = text.split_once('\n').unwrap_or(("secret", text));
    for group in GROUPS.iter() {
        let Some(ipn) = &group.ipn else { continue };
        let is_signature = |name: &str| ipn.signed_by.iter().any(|known| known.eq_ignore_ascii_case(name));
        let (signatures, signed): (Pairs, Pairs) = form::pairs(sent).partition(|(name, _)| is_signature(name));
        let right = sign(&signed, passphrase);
        // As it came: it may only pass with the right signature, in either spelling of the names.
        if authentic(&group.name, ipn, sent, passphrase) {
            let given = signatures.iter().find(|(_, value)| !value.is_empty()).expect("a signature");
            let in_capitals: Pairs = signed.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
            assert!([right.clone(), sign(&in_capitals, passphrase)].contains(&given.1.to_ascii_uppercase()));
        }
        // Signed by who knows the passphrase, and by who does not.
        let name = ipn.signed_by.first().expect("a field that carries the signature");
        let says_something = signed.iter().any(|(_, value)| !value.is_empty());
        let knows = says_something && !passphrase.is_empty();
        assert_eq!(authentic(&group.name, ipn, &body(&signed, (name, &right)), passphrase), knows);
        let mut wrong = right.clone().into_bytes();
        let at = text.len() % wrong.len();
        wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
        let wrong = String::from_utf8(wrong).expect("digits");
        assert!(!authentic(&group.name, ipn, &body(&signed, (name, &wrong)), passphrase));
        let other = format!("{passphrase}x");
        let elsewhere = sign(&signed, &other);
        assert!(!authentic(&group.name, ipn, &body(&signed, (name, &elsewhere)), passphrase));
    }
});
