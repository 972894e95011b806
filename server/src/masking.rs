//! What tells of a person or is a secret, left out of what people see: the one way in which it is. Pure.
//!
//! Raw requests are shown without it unless somebody who works with them asks; whoever may only look sees it nowhere: neither in what the
//! network sent, nor in what pages sent, nor in what was sent on.

use crate::groups::Groups;
use crate::outbox::exchange::Exchange;
use crate::people::Role;
use crate::reading::{Corrections, RawRequest};
use crate::store::{ClickRow, ConversionRow, DeliveryRow, EventRow, Job, LinkRow, OrderEventRow, PostbackRow, Visit};
use std::collections::BTreeSet;
use tagwerk_protocol::form;
use url::Url;

/// Stands where something was left out.
pub const HIDDEN: &str = "•••";
/// Names that tell of a person in what pages send, besides those that networks use.
const OF_PERSONS: [&str; 13] = [
    "email",
    "mail",
    "phone",
    "tel",
    "firstname",
    "lastname",
    "street",
    "address",
    "zip",
    "birthday",
    "ip",
    "ipaddress",
    "password",
];

/// What is left out for somebody.
#[derive(Debug, Clone)]
pub struct Masking {
    /// Plain names of parameters that tell of a person, whatever group sends them: an unknown one may send the same.
    names: BTreeSet<String>,
    /// Whether it is left out of every row, not of raw requests alone.
    is_everywhere: bool,
}

impl Masking {
    /// For somebody of this role.
    pub fn of(groups: &Groups, role: Role) -> Self {
        let mut names: BTreeSet<String> = OF_PERSONS.iter().map(|name| plain(name)).collect();
        for group in groups.iter() {
            let forms = group.postback.iter().chain(group.ipn.as_ref().map(|ipn| &ipn.form));
            names.extend(forms.flat_map(|form| &form.personal).map(|name| plain(name)));
            let person = &group.person;
            let lists = [&person.email, &person.phone, &person.first_name, &person.last_name, &person.zip];
            names.extend(lists.into_iter().flatten().map(|name| plain(name)));
            let signed_by = group.ipn.iter().flat_map(|ipn| &ipn.signed_by);
            names.extend(signed_by.map(|name| plain(name)));
        }
        Self { names, is_everywhere: role < Role::Analyst }
    }

    /// Whether rows are masked, too: whoever may only look is not told of persons at all.
    pub fn is_everywhere(&self) -> bool {
        self.is_everywhere
    }

    /// Whether a value tells of a person, or is a secret. An address for mail does wherever it stands.
    pub fn is_told_by(&self, name: &str, value: &str) -> bool {
        !value.trim().is_empty() && (value.contains('@') || self.names.contains(&plain(name)))
    }

    /// A form-encoded text without what tells of a person; everything else stays as it was sent.
    pub fn form(&self, text: &str) -> String {
        masked(text, &|name, value| !self.is_told_by(name, value))
    }

    /// A request as it arrived, without what tells of a person. A body that is no form is left out whole.
    pub fn raw(&self, raw: &RawRequest) -> RawRequest {
        let body = if raw.body.is_empty() || is_form(raw) { self.form(&raw.body) } else { HIDDEN.to_owned() };
        RawRequest { query: self.form(&raw.query), body, source_ip: self.sender(raw), ..raw.clone() }
    }

    /// Who sent a request: an address.
    pub fn sender(&self, raw: &RawRequest) -> String {
        if self.is_everywhere { HIDDEN.to_owned() } else { raw.source_ip.clone() }
    }

    /// What was corrected by hand, without what tells of a person.
    pub fn corrections(&self, corrections: &Corrections) -> Corrections {
        let or_hidden = |name: &String, value: &String| {
            let hides = self.is_everywhere && self.is_told_by(name, value);
            (name.clone(), if hides { HIDDEN.to_owned() } else { value.clone() })
        };
        corrections.iter().map(|(name, value)| or_hidden(name, value)).collect()
    }

    /// A row as somebody of this role sees it.
    pub fn masked<T: Tells>(&self, mut row: T) -> T {
        if self.is_everywhere {
            row.leave_out(self);
        }
        row
    }

    /// Rows as somebody of this role sees them.
    pub fn all<T: Tells>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().map(|row| self.masked(row)).collect()
    }

    /// A sentence that may repeat what somebody sent.
    pub fn sentence(&self, text: &str) -> String {
        if self.is_everywhere && has_address(text) { HIDDEN.to_owned() } else { text.to_owned() }
    }

    /// The address of a page or link, whose query and fragment may tell of a person.
    fn address(&self, address: &mut String) {
        let (before, fragment) = address.split_once('#').map_or((&**address, None), |(a, b)| (a, Some(b)));
        let (path, query) = before.split_once('?').map_or((before, None), |(a, b)| (a, Some(b)));
        let query = query.map(|query| format!("?{}", self.form(query))).unwrap_or_default();
        let fragment = fragment.map(|fragment| format!("#{}", self.form(fragment))).unwrap_or_default();
        *address = format!("{path}{query}{fragment}");
    }

    fn some_address(&self, address: &mut Option<String>) {
        if let Some(address) = address {
            self.address(address);
        }
    }

    fn text(&self, text: &mut String) {
        *text = self.sentence(text);
    }

    fn some_text(&self, text: &mut Option<String>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn values<'a>(&self, pairs: impl Iterator<Item = (&'a String, &'a mut String)>) {
        for (name, value) in pairs {
            if self.is_told_by(name, value) {
                HIDDEN.clone_into(value);
            }
        }
    }
}

/// A name as it is compared: pages spell theirs as they like.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a text holds an address for mail, be it encoded.
fn has_address(text: &str) -> bool {
    text.contains('@') || text.contains("%40")
}

/// Whether the body of a request is a form, as far as it says.
pub fn is_form(raw: &RawRequest) -> bool {
    raw.content_type.as_deref().is_none_or(|kind| kind.to_ascii_lowercase().contains("urlencoded"))
}

/// A form-encoded text with the values left out that are not shown; everything else stays as it was sent.
pub fn masked(text: &str, shown: &dyn Fn(&str, &str) -> bool) -> String {
    let part = |part: &str| match part.split_once('=') {
        Some((name, value)) if !shown(&form::decode(name), &form::decode(value)) => format!("{name}={HIDDEN}"),
        None if !shown("", &form::decode(part)) => HIDDEN.to_owned(),
        _ => part.to_owned(),
    };
    text.split('&').map(part).collect::<Vec<_>>().join("&")
}

/// A row that may tell of a person.
pub trait Tells {
    /// Leaves out what tells of a person.
    fn leave_out(&mut self, masking: &Masking);
}

impl Tells for Visit {
    fn leave_out(&mut self, masking: &Masking) {
        masking.address(&mut self.landing_page);
        masking.some_address(&mut self.referrer);
        masking.values(self.source.iter_mut());
        if let Some(first) = &mut self.first_touch {
            masking.address(&mut first.landing_page);
            masking.some_address(&mut first.referrer);
            masking.values(first.source.iter_mut());
        }
    }
}

impl Tells for EventRow {
    fn leave_out(&mut self, masking: &Masking) {
        masking.address(&mut self.page);
        masking.values(self.attributes.iter_mut());
    }
}

impl Tells for ClickRow {
    fn leave_out(&mut self, masking: &Masking) {
        masking.address(&mut self.href);
        masking.address(&mut self.page);
        masking.some_text(&mut self.label);
    }
}

impl Tells for PostbackRow {
    fn leave_out(&mut self, masking: &Masking) {
        masking.some_text(&mut self.reason);
    }
}

impl Tells for ConversionRow {
    fn leave_out(&mut self, masking: &Masking) {
        masking.some_text(&mut self.attribution.reason);
        masking.some_text(&mut self.said.sub_id);
        self.said.notes.iter_mut().for_each(|note| masking.text(note));
        masking.values(self.said.custom.iter_mut().map(|(name, value)| (&*name, value)));
        masking.values(self.source.iter_mut());
    }
}

impl Tells for OrderEventRow {
    fn leave_out(&mut self, masking: &Masking) {
        masking.some_text(&mut self.event.sub_id);
    }
}

impl Tells for DeliveryRow {
    fn leave_out(&mut self, masking: &Masking) {
        masking.some_text(&mut self.reason);
        masking.some_text(&mut self.last_answer);
    }
}

impl Tells for Job {
    fn leave_out(&mut self, masking: &Masking) {
        self.problems.iter_mut().for_each(|problem| masking.text(problem));
        masking.some_text(&mut self.error);
    }
}

impl Tells for LinkRow {
    fn leave_out(&mut self, _: &Masking) {}
}

impl Tells for Exchange {
    /// What is told to a platform is about a visitor: only whom it went to and what came of it is left.
    fn leave_out(&mut self, masking: &Masking) {
        // Whoever knows the path of a hook can call it.
        let host = Url::parse(&self.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        self.url = format!("{host}/{HIDDEN}");
        self.headers.clear();
        if !self.body.is_empty() {
            HIDDEN.clone_into(&mut self.body);
        }
        masking.text(&mut self.answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(role: Role) -> Masking {
        Masking::of(&Groups::load(None).expect("the built-in groups"), role)
    }

    #[test]
    fn a_raw_request_is_masked_for_everybody_and_its_sender_for_those_who_only_look() {
        let raw = RawRequest {
            query: "first_name=Ann%20A&cid=x&note=a%40b.example&EMAIL=&amount=1.00".into(),
            source_ip: "203.0.113.7".into(),
            ..RawRequest::default()
        };
        let (analyst, reader) = (of(Role::Analyst).raw(&raw), of(Role::ReadOnly).raw(&raw));
        assert_eq!(analyst.query, "first_name=•••&cid=x&note=•••&EMAIL=&amount=1.00");
        assert_eq!((analyst.query == reader.query, analyst.source_ip.as_str()), (true, "203.0.113.7"));
        assert_eq!(reader.source_ip, HIDDEN);
    }

    #[test]
    fn a_body_that_is_no_form_is_left_out_whole() {
        let raw = RawRequest {
            content_type: Some("application/json".into()),
            body: r#"{"email":"x"}"#.into(),
            ..RawRequest::default()
        };
        assert_eq!(of(Role::Owner).raw(&raw).body, HIDDEN);
    }

    #[test]
    fn an_address_keeps_all_but_what_tells_of_a_person() {
        let masked = |address: &str| {
            let mut address = address.to_owned();
            of(Role::ReadOnly).address(&mut address);
            address
        };
        assert_eq!(
            masked("https://a.example/x?email=a&id=7&b=c%40d.example#to=e@f.example"),
            "https://a.example/x?email=•••&id=7&b=•••#to=•••"
        );
        assert_eq!(masked("https://a.example/@anna/post"), "https://a.example/@anna/post");
    }

    #[test]
    fn rows_are_as_they_are_for_those_who_work_with_them() {
        let event = EventRow {
            event_id: "e".into(),
            visit_id: "v".into(),
            at: 0,
            received_at: 0,
            name: "FormSubmit".into(),
            page: "https://a.example/?mail=x".into(),
            click_id: None,
            attributes: [("E mail", "a"), ("field", "b@c.example"), ("n", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        assert_eq!(of(Role::Analyst).masked(event.clone()), event);
        let masked = of(Role::ReadOnly).masked(event);
        let values: Vec<&str> = masked.attributes.values().map(String::as_str).collect();
        assert_eq!((values, masked.page.as_str()), (vec![HIDDEN, HIDDEN, "1"], "https://a.example/?mail=•••"));
    }

    proptest! {
        #[test]
        fn no_address_for_mail_is_left_in_a_form(parts in prop::collection::vec("[a-z=&%40@]{0,12}", 0..6)) {
            let masked = of(Role::ReadOnly).form(&parts.join("&"));
            for part in masked.split('&') {
                let value = part.split_once('=').map_or(part, |(_, value)| value);
                prop_assert!(!form::decode(value).contains('@'), "{masked}");
            }
        }
    }
}
