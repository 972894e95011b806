//! A test call of a network, made of the example in its file: fresh ids, the time of now, marked as a test as the network marks it, and
//! signed where it signs. Pure.

use crate::reading::RawRequest;
use crate::signature;
use crate::store::{Channel, Millis, OutletRules};
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::form;
use tagwerk_protocol::group::connect::WayKind;
use tagwerk_protocol::group::{Group, Postback, TimeForm};

/// What a test call is made with.
pub struct Fresh<'a> {
    /// What its transaction and order are called; no other call has it.
    pub id: &'a str,
    /// The time of now.
    pub now: Millis,
    /// The click that it is to be credited to.
    pub click_id: Option<&'a str>,
    /// The passphrase that the site shares with the network.
    pub passphrase: Option<&'a str>,
    /// Who it comes from.
    pub source_ip: &'a str,
}

/// Why there is no test call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTrial {
    /// The group's file has none for this way.
    #[error("there is no test call of this kind: the group's file has none, or the network cannot mark tests")]
    Unknown,
    /// It would have to be signed.
    #[error("a notification is signed: enter the passphrase first")]
    NoPassphrase,
}

/// The channel by which calls of this kind come.
pub fn channel(kind: WayKind) -> Channel {
    match kind {
        WayKind::Affiliate | WayKind::Vendor => Channel::Collect,
        WayKind::Ipn => Channel::Ipn,
        WayKind::Tracker => Channel::Tracker,
        WayKind::Pixel => Channel::Pixel,
    }
}

/// The call of this kind.
///
/// # Errors
/// See [`NoTrial`].
pub fn call(group: &Group, kind: WayKind, fresh: &Fresh<'_>) -> Result<RawRequest, NoTrial> {
    let way = group.connect.as_ref().and_then(|connect| connect.way(kind));
    let (Some(test), Some(form)) = (way.and_then(|way| way.test.as_ref()), group.form_of(kind)) else {
        return Err(NoTrial::Unknown);
    };
    let mut fields = filled(test, form, fresh);
    let encoded = |fields: &[(String, String)]| {
        let mut text = String::new();
        for (name, value) in fields {
            form::push(&mut text, name, value);
        }
        text
    };
    let base = RawRequest { source_ip: fresh.source_ip.to_owned(), ..RawRequest::default() };
    match (kind, &group.ipn) {
        (WayKind::Ipn, Some(ipn)) => {
            let passphrase = fresh.passphrase.ok_or(NoTrial::NoPassphrase)?;
            let signature = signature::sign(ipn.signature, &fields, &ipn.signed_by, passphrase);
            fields.extend(ipn.signed_by.first().map(|name| (name.clone(), signature)));
            let content_type = Some("application/x-www-form-urlencoded".to_owned());
            Ok(RawRequest { method: "POST".into(), body: encoded(&fields), content_type, ..base })
        }
        _ => Ok(RawRequest { method: "GET".into(), query: encoded(&fields), ..base }),
    }
}

/// The example's parameters with fresh ids, click id and time; what was to be filled and is not there is left out.
fn filled(test: &BTreeMap<String, String>, form: &Postback, fresh: &Fresh<'_>) -> Vec<(String, String)> {
    let is = |name: &str, known: Option<&String>| known.is_some_and(|known| known == name);
    let ids = [form.fields.transaction_id.as_ref(), form.fields.order_id.as_ref(), form.fields.event_id.as_ref()];
    let pairs = test.iter().map(|(name, value)| {
        let time = form.time.iter().find(|time| time.param == *name);
        let value = if ids.iter().any(|known| is(name, *known)) {
            fresh.id.to_owned()
        } else if *name == form.fields.click_id {
            fresh.click_id.unwrap_or_default().to_owned()
        } else if let Some(time) = time {
            written(time.form, fresh.now)
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    pairs.filter(|(_, value)| !value.is_empty()).collect()
}

fn written(form: TimeForm, now: Millis) -> String {
    match form {
        TimeForm::UnixSeconds => (now / 1000).to_string(),
        TimeForm::Rfc3339 => jiff::Timestamp::from_millisecond(now).map(|at| at.to_string()).unwrap_or_default(),
    }
}

/// What a conversion is, as far as platforms ask.
pub struct Asked<'a> {
    /// Its type.
    pub kind: &'a str,
    /// What happened to the money.
    pub transaction_type: TransactionType,
    /// The parameters of the ad click ids that its visitor came with.
    pub came_with: &'a [String],
}

/// Why a platform would not get a real conversion like this; `None` where it would.
pub fn withheld(rules: &OutletRules, asked: &Asked<'_>) -> Option<String> {
    if asked.transaction_type != TransactionType::Payment && !rules.refunds {
        return Some("it takes no refunds".into());
    }
    if !rules.types.is_empty() && !rules.types.iter().any(|kind| kind.eq_ignore_ascii_case(asked.kind)) {
        return Some(format!("it gets {} alone", rules.types.join(", ")));
    }
    let is_its = |param: &String| rules.click_params.iter().any(|known| known.eq_ignore_ascii_case(param));
    if !rules.everything && !asked.came_with.iter().any(is_its) {
        return Some(format!("the visitor came by no ad of its ({})", rules.click_params.join(", ")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::Groups;
    use crate::intake::{self, Rules};

    const NOW: Millis = 1_697_080_237_000;

    fn fresh<'a>(click_id: Option<&'a str>, passphrase: Option<&'a str>) -> Fresh<'a> {
        Fresh { id: "test-1", now: NOW, click_id, passphrase, source_ip: "192.0.2.1" }
    }

    fn every_test() -> Vec<(Group, WayKind)> {
        let groups = Groups::load(None).expect("the built-in groups");
        let tests = groups.iter().flat_map(|group| {
            let ways = group.connect.iter().flat_map(|connect| &connect.way).filter(|way| way.test.is_some());
            ways.map(|way| (group.clone(), way.kind)).collect::<Vec<_>>()
        });
        tests.collect()
    }

    #[test]
    fn every_test_call_reads_as_a_fresh_test_of_now() {
        let tests = every_test();
        assert!(tests.len() >= 4, "{}", tests.len());
        for (group, kind) in tests {
            let form = group.form_of(kind).expect("a form");
            let raw = call(&group, kind, &fresh(Some("a-click"), Some("secret"))).expect("a call");
            let sent = if raw.body.is_empty() { &raw.query } else { &raw.body };
            let pairs: Vec<(String, String)> = form::pairs(sent).collect();
            let said = intake::understand(&pairs, &group.name, form, &Rules::default(), "").expect("understood");
            assert!(said.is_test, "{} {kind:?}", group.name);
            assert_eq!(said.transaction_id.as_deref(), Some("test-1"));
            assert_eq!(said.sub_id.as_deref(), Some("a-click"));
            assert!(said.sent_at.is_none_or(|at| at == NOW) && said.value.is_some());
        }
    }

    #[test]
    fn a_notification_is_signed_and_there_is_none_without_the_passphrase() {
        for (group, kind) in every_test().into_iter().filter(|(_, kind)| *kind == WayKind::Ipn) {
            assert_eq!(call(&group, kind, &fresh(None, None)), Err(NoTrial::NoPassphrase));
            let raw = call(&group, kind, &fresh(None, Some("secret"))).expect("a call");
            let (ipn, fields) = (group.ipn.as_ref().expect("it signs"), form::pairs(&raw.body).collect::<Vec<_>>());
            assert_eq!(signature::check(ipn.signature, &fields, &ipn.signed_by, "secret"), Ok(()));
            assert_eq!((raw.method.as_str(), raw.query.as_str()), ("POST", ""));
        }
    }

    #[test]
    fn without_a_click_none_is_sent() {
        let (group, kind) = every_test().remove(0);
        let raw = call(&group, kind, &fresh(None, None)).expect("a call");
        let name = &group.form_of(kind).expect("a form").fields.click_id;
        assert!(form::pairs(&raw.query).all(|(found, _)| found != *name), "{}", raw.query);
    }

    #[test]
    fn what_the_file_has_no_example_of_is_not_made_up() {
        let (group, _) = every_test().remove(0);
        assert_eq!(call(&group, WayKind::Pixel, &fresh(None, None)), Err(NoTrial::Unknown));
    }

    #[test]
    fn a_platform_says_what_it_would_not_get() {
        let rules = OutletRules {
            platform: "one".into(),
            fingerprint: String::new(),
            everything: false,
            refunds: false,
            tests: false,
            click_params: vec!["gclid".into()],
            types: vec!["Purchase".into()],
            events: vec![],
            max_age: 1,
            min_click_age: 0,
        };
        let came_with = ["GCLID".to_owned()];
        let asked = |kind, transaction_type, came_with| Asked { kind, transaction_type, came_with };
        let said = |asked: &Asked<'_>| withheld(&rules, asked).unwrap_or_default();
        assert_eq!(said(&asked("purchase", TransactionType::Payment, &came_with)), "");
        assert!(said(&asked("Refund", TransactionType::Refund, &came_with)).contains("no refunds"));
        assert!(said(&asked("Lead", TransactionType::Payment, &came_with)).contains("Purchase alone"));
        assert!(said(&asked("Purchase", TransactionType::Payment, &[])).contains("gclid"));
    }
}
