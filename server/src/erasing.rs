//! Taking a visitor out of what was sent: which parameters tell of a person, and what stands in their place. Pure.
//!
//! A raw request stays the call that it was: it keeps the hash by which its repeats are known, and in the place of its click id stands a
//! token, a hash of it, so that what came of one click still belongs together.

use crate::groups::Groups;
use crate::intake::TYPE;
use crate::reading::{Corrections, RawRequest};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::form;
use tagwerk_protocol::group::Postback;

/// How the token begins that stands in the place of a click id.
const CLICK: &str = "erased-click-";
/// How the token begins that stands in the place of a sub-id that names no more than a visit.
const VISIT: &str = "erased-visit-";
/// What stands in the place of a body that is no form, so that it still is none.
const BODY: &str = "(erased)";
/// Shortest text that is looked for: shorter ones stand in half of all requests.
const SHORTEST: usize = 6;
/// How long the tag makes a visitor's id.
const LENGTH: usize = 16;
/// Parameters that tell of a person whatever the group says.
const ALWAYS: [&str; 8] = ["ip", "ip_address", "user_ip", "remote_addr", "ua", "user_agent", "visitor_id", "visit_id"];

/// What is known of a raw request whose personal fields were erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The hash of the call as it was sent.
    pub call: Option<String>,
    /// The identity of what it told, where that was made of something that was erased.
    #[serde(default)]
    pub base: Option<String>,
    /// Why its sender was not believed: what was signed is no longer there to be checked.
    #[serde(default)]
    pub forbidden: Option<String>,
}

/// What stands in the place of a sub-id, the same for the same one at the same site.
pub fn token(site_id: &str, sub_id: &str, is_click: bool) -> String {
    let hash = hash(site_id, "sub-id", &sub_id.trim().to_ascii_lowercase());
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    [if is_click { CLICK } else { VISIT }, &digits].concat()
}

/// Whether a sub-id is such a token; then whether of a click.
pub fn is_token(sub_id: &str) -> Option<bool> {
    if sub_id.starts_with(CLICK) {
        return Some(true);
    }
    sub_id.starts_with(VISIT).then_some(false)
}

/// 16 bytes by which an id is known again and cannot be told. `of` says what it is an id of.
pub fn hash(site_id: &str, of: &str, id: &str) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in [of, site_id, id] {
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().first_chunk().copied().unwrap_or_default()
}

/// The names of parameters that tell of a person, whatever group sends them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Those of all groups, and of all ad click ids. What signs a notification goes with what it signed.
    pub fn of(groups: &Groups, clicks: &Clicks) -> Self {
        let mut names: BTreeSet<String> = ALWAYS.into_iter().map(Postback::plain_name).collect();
        let mut add = |list: &[String]| names.extend(list.iter().map(|name| Postback::plain_name(name)));
        for group in groups.iter() {
            let person = &group.person;
            for list in [&person.email, &person.phone, &person.first_name, &person.last_name, &person.city, &person.zip]
            {
                add(list);
            }
            add(&person.country);
            group.postback.iter().for_each(|form| add(&form.personal));
            if let Some(ipn) = &group.ipn {
                add(&ipn.form.personal);
                add(&ipn.signed_by);
            }
        }
        add(&clicks.params());
        Self(names)
    }
}

/// What a visitor is known by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// The ids of the visits, in lower case: click ids begin with them.
    pub visits: BTreeSet<String>,
    /// The visitor's id; empty where there is none.
    pub visitor: String,
    /// Other texts: addresses, browsers, ad click ids, cookies. Anybody may have reported any.
    pub texts: BTreeSet<String>,
    /// Orders and transactions that the visitor's conversions tell, by group.
    pub orders: BTreeSet<(String, String)>,
}

impl Traces {
    /// Whether a text names the visitor or a visit, by an id as long as the tag makes them: a shorter one may be any word.
    pub fn are_named_in(&self, text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        self.visits.iter().any(|id| lower.contains(id.as_str()))
            || (self.visitor.len() >= LENGTH && text.contains(&self.visitor))
    }

    /// Whether a text holds anything that the visitor is known by.
    pub fn are_in(&self, text: &str) -> bool {
        let known = |known: &String| known.len() >= SHORTEST && text.contains(known.as_str());
        self.are_named_in(text) || known(&self.visitor) || self.texts.iter().any(known)
    }

    /// Whether a parameter tells of the person. An address for mail does wherever it stands.
    pub fn are_told_by(&self, names: &Names, name: &str, value: &str) -> bool {
        let told = !value.trim().is_empty();
        told && (value.contains('@') || names.0.contains(&Postback::plain_name(name)) || self.are_in(value))
    }

    /// Whether a request tells of the visitor: by an id of theirs, or by an order or transaction of theirs.
    pub fn are_in_request(&self, group: &str, raw: &RawRequest) -> bool {
        let pairs = || form::pairs(&raw.query).chain(form::pairs(&raw.body));
        let is_told = |value: &str| self.are_named_in(value) || self.is_of_order(group, value);
        self.are_named_in(&raw.body) || pairs().any(|(_, value)| is_told(&value))
    }

    fn is_of_order(&self, group: &str, value: &str) -> bool {
        self.orders.contains(&(group.to_owned(), value.trim().to_owned()))
    }
}

/// What is taken out of requests: who it is about, and how its group writes a click id.
pub struct Scrubbing<'a> {
    /// The site.
    pub site_id: &'a str,
    /// Parameters that tell of a person.
    pub names: &'a Names,
    /// What the visitor is known by.
    pub traces: &'a Traces,
    /// How the group's calls read; `None` where the group is not known.
    pub form: Option<&'a Postback>,
    /// Whether the request came from the visitor's own browser.
    pub from_browser: bool,
}

impl Scrubbing<'_> {
    /// The request without what tells of the person. `note` says what it was.
    pub fn request(&self, raw: &RawRequest, note: Note) -> RawRequest {
        let is_form = |text: &str| text.is_empty() || text.contains('=');
        // Of what was too long the beginning is kept, which ends anywhere.
        let (query, body) = match raw.cut {
            Some(_) => (String::new(), String::new()),
            None => (
                self.form(&raw.query),
                if is_form(&raw.body) && !is_other(raw) { self.form(&raw.body) } else { BODY.to_owned() },
            ),
        };
        RawRequest {
            method: raw.method.clone(),
            query,
            body,
            source_ip: if self.from_browser { String::new() } else { raw.source_ip.clone() },
            content_type: raw.content_type.clone(),
            cut: raw.cut.clone(),
            erased: Some(note),
        }
    }

    /// What was corrected by hand, likewise.
    pub fn corrections(&self, corrections: &Corrections) -> Corrections {
        corrections.iter().map(|(name, value)| (name.clone(), self.value(name, value))).collect()
    }

    /// A sub-id, or the token in its place.
    pub fn sub_id(&self, sub_id: &str) -> String {
        use tagwerk_protocol::click_id::{Reading, read};
        let is_of = |visit: &str| self.traces.visits.contains(visit);
        match read(sub_id) {
            Reading::Ours(click) if is_of(click.visit().as_str()) => token(self.site_id, click.as_str(), true),
            Reading::Other(Some(visit)) if is_of(visit.as_str()) => token(self.site_id, sub_id, false),
            _ => sub_id.to_owned(),
        }
    }

    fn form(&self, text: &str) -> String {
        let mut out = String::new();
        for (name, value) in form::pairs(text) {
            form::push(&mut out, &name, &self.value(&name, &value));
        }
        out
    }

    fn value(&self, name: &str, value: &str) -> String {
        let plain = Postback::plain_name(name);
        if self.form.is_some_and(|form| Postback::plain_name(&form.fields.click_id) == plain) {
            let sub_id = self.sub_id(value);
            if sub_id != value {
                return sub_id;
            }
        }
        // What the books are made of stays: what was sold, in which order, what happened to the money.
        let is_of_books =
            self.form.is_some_and(|form| of_books(form).any(|known| Postback::plain_name(&known) == plain));
        let goes = !is_of_books && self.traces.are_told_by(self.names, name, value);
        if goes { String::new() } else { value.to_owned() }
    }
}

/// The parameters that conversions are read from, but for the click id and what is passed through.
fn of_books(form: &Postback) -> impl Iterator<Item = String> {
    let is_of_books = |name: &String| *name != form.fields.click_id && !form.custom.contains(name);
    form.parameters().into_iter().filter(is_of_books).chain([TYPE.to_owned()])
}

/// Whether the body is said to be something else than a form.
fn is_other(raw: &RawRequest) -> bool {
    raw.content_type.as_deref().is_some_and(|kind| !kind.to_ascii_lowercase().contains("form-urlencoded"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups;
    use proptest::prelude::*;

    const CLICK_ID: &str = "758eg6057boyx998uts8t098shhur7sp";

    fn names() -> Names {
        Names::of(&Groups::load(None).expect("groups"), &groups::clicks().expect("clicks"))
    }

    fn traces() -> Traces {
        Traces {
            visits: BTreeSet::from(["758eg6057boyx998".to_owned()]),
            visitor: "visitor890123456".into(),
            texts: BTreeSet::from(["Cj0KCQiA-only-hers".to_owned(), "203.0.113.77".to_owned(), "EUR".to_owned()]),
            orders: BTreeSet::from([("digistore24".to_owned(), "o-77".to_owned())]),
        }
    }

    /// The request without the person, read by the rules of a network.
    fn scrubbed(raw: &RawRequest) -> RawRequest {
        let all = Groups::load(None).expect("groups");
        let (names, traces) = (names(), traces());
        let form = all.get("digistore24").and_then(|group| group.postback.as_ref());
        let scrubbing = Scrubbing { site_id: "site", names: &names, traces: &traces, form, from_browser: false };
        scrubbing.request(raw, Note::default())
    }

    fn query(text: &str) -> String {
        scrubbed(&RawRequest { query: text.into(), ..RawRequest::default() }).query
    }

    #[test]
    fn what_tells_of_a_person_is_emptied_and_what_the_books_are_made_of_stays() {
        let sent = "email=ann%40example.com&first_name=Ann&gclid=X1&sid1=banner&sid2=ann%40example.com&order_id=o-77\
                    &product_name=Yoga+@home&amount_brutto=1.00&currency=EUR&src=Cj0KCQiA-only-hers";
        let kept = "email=&first_name=&gclid=&sid1=banner&sid2=&order_id=o-77\
                    &product_name=Yoga+%40home&amount_brutto=1.00&currency=EUR&src=";
        assert_eq!(query(sent), kept);
    }

    #[test]
    fn in_the_place_of_the_click_id_stands_the_same_token_however_it_is_written() {
        let token = token("site", CLICK_ID, true);
        for sent in [CLICK_ID.to_owned(), CLICK_ID.to_ascii_uppercase()] {
            assert_eq!(query(&format!("cid={sent}")), format!("cid={token}"));
        }
        assert_eq!(is_token(&token), Some(true));
        assert!(query(&format!("cid={}", &CLICK_ID[..20])).starts_with("cid=erased-visit-"));
        assert_eq!(query("cid=somebody-else-s"), "cid=somebody-else-s");
        assert_ne!(token, self::token("other", CLICK_ID, true), "each site has its own");
    }

    #[test]
    fn a_body_that_is_no_form_stays_none_and_what_was_too_long_is_emptied() {
        let json = RawRequest {
            body: r#"{"email":"ann@example.com"}"#.into(),
            content_type: Some("application/json".into()),
            ..RawRequest::default()
        };
        assert_eq!(scrubbed(&json).body, BODY);
        let cut = RawRequest { query: "email=ann@exa".into(), cut: Some("too long".into()), ..RawRequest::default() };
        assert_eq!((scrubbed(&cut).query, scrubbed(&cut).cut), (String::new(), cut.cut));
    }

    #[test]
    fn a_request_tells_of_the_visitor_by_id_or_order_and_by_nothing_else() {
        let is_told = |query: &str| {
            traces().are_in_request("digistore24", &RawRequest { query: query.into(), ..RawRequest::default() })
        };
        assert!(is_told(&format!("x=1&y={}", CLICK_ID.to_ascii_uppercase())));
        assert!(is_told("v=visitor890123456") && is_told("order_id=o-77"));
        assert!(!is_told("order_id=o-770&currency=EUR&gclid=Cj0KCQiA-only-hers"));
    }

    proptest! {
        #[test]
        fn nothing_of_the_visitor_is_left_wherever_it_stood(
            names in proptest::collection::vec("[a-z]{1,8}", 1..8),
            around in "[a-z =&%]{0,6}",
        ) {
            let mut text = String::new();
            for (name, trace) in names.iter().zip([CLICK_ID, "visitor890123456", "203.0.113.77", "a@b.example"].iter().cycle()) {
                form::push(&mut text, name, &format!("{around}{trace}{around}"));
            }
            let kept = query(&text);
            // Of the books' own parameters the value stays, whatever it is.
            let is_of_books = |name: &str| Groups::load(None).expect("groups").get("digistore24")
                .and_then(|group| group.postback.as_ref())
                .is_some_and(|form| of_books(form).any(|known| Postback::plain_name(&known) == Postback::plain_name(name)));
            for (name, value) in form::pairs(&kept) {
                prop_assert!(is_of_books(&name) || !traces().are_in(&value) && !value.contains('@'), "{name}={value}");
            }
            prop_assert_eq!(form::pairs(&kept).count(), names.len());
        }
    }
}
