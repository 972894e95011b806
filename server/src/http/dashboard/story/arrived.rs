//! A postback as it arrived, opened for people: its parameters with what each is read as, what was corrected by hand, and what tells of a
//! person or is a secret left out unless somebody asks for it. Pure but for opening.

use super::super::when::Moment;
use crate::app::App;
use crate::groups::Groups;
use crate::intake::TYPE;
use crate::jobs::replay::{corrections_of, opened};
use crate::masking::{HIDDEN, Masking, is_form, masked};
use crate::reading::{Corrections, RawRequest, TEST_MARK, parameters, test_mark};
use crate::store::{Channel, PostbackRow};
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::group::{Group, Postback};

/// A parameter, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Parameter {
    /// Its name, as sent.
    pub(in super::super) name: String,
    /// Its value, as sent; `None` where it was not sent, but put there by hand.
    pub(in super::super) sent: Option<String>,
    /// Whether its value is left out.
    pub(in super::super) is_hidden: bool,
    /// What was put in its place by hand; empty where it was taken away.
    pub(in super::super) corrected: Option<String>,
    /// What it is read as; `None` where it is not read.
    pub(in super::super) read_as: Option<String>,
}

/// The request itself, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Request {
    /// GET or POST; CSV and API for what was brought in afterwards.
    pub(in super::super) method: String,
    /// The query.
    pub(in super::super) query: String,
    /// The body.
    pub(in super::super) body: String,
    /// Who sent it.
    pub(in super::super) sender: String,
    /// What the body was said to be.
    pub(in super::super) content_type: Option<String>,
    /// Why only the beginning was kept.
    pub(in super::super) cut: Option<String>,
    /// Its parameters.
    pub(in super::super) parameters: Vec<Parameter>,
    /// Whether something is left out.
    pub(in super::super) hides: bool,
}

/// A postback, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Arrived {
    /// Its id.
    pub(in super::super) id: String,
    /// When it arrived.
    pub(in super::super) at: Moment,
    /// How it came.
    pub(in super::super) channel: String,
    /// What that is, in words.
    pub(in super::super) channel_said: &'static str,
    /// The group in its URL.
    pub(in super::super) group: String,
    /// What became of it.
    pub(in super::super) state: String,
    /// What that means, in words.
    pub(in super::super) state_said: &'static str,
    /// Why.
    pub(in super::super) reason: Option<String>,
    /// The request; `None` where it no longer opens.
    pub(in super::super) request: Option<Request>,
    /// What was corrected by hand: names alone.
    pub(in super::super) corrected: Vec<String>,
    /// Whether it was marked by hand as a test, or as none.
    pub(in super::super) test_mark: Option<bool>,
    /// Names of parameters that can be corrected.
    pub(in super::super) names: Vec<String>,
    /// The conversion it made, repeats or changed.
    pub(in super::super) conversion_id: Option<String>,
}

impl Arrived {
    /// Opens a postback; `everything` shows what tells of a person, too.
    pub(in super::super) fn of(app: &App, row: &PostbackRow, seen: &Masking, everything: bool) -> Self {
        let corrections = corrections_of(app, row).unwrap_or_default();
        let channel = Channel::parse(&row.channel);
        let shape = channel.map(|channel| Shape::of(&app.groups, channel, &row.group));
        let raw = opened(app, row).ok();
        let mut names: BTreeSet<String> =
            shape.iter().flat_map(|shape| shape.form.iter()).flat_map(|form| form.parameters()).collect();
        let request = raw.zip(channel).map(|(raw, channel)| {
            let shown = |name: &str, value: &str| everything || !seen.is_told_by(name, value);
            let roles = shape.as_ref().map(Shape::roles).unwrap_or_default();
            Request { sender: seen.sender(&raw), ..request(channel, &raw, &corrections, &roles, &shown) }
        });
        names.extend(request.iter().flat_map(|request| &request.parameters).map(|parameter| parameter.name.clone()));
        Self {
            at: Moment::of(row.received_at),
            channel_said: channel.map_or("", channel_said),
            channel: row.channel.clone(),
            group: row.group.clone(),
            state_said: state_said(&row.state),
            state: row.state.clone(),
            reason: row.reason.as_deref().map(|reason| seen.sentence(reason)),
            request,
            corrected: corrections.keys().filter(|name| *name != TEST_MARK).cloned().collect(),
            test_mark: test_mark(&corrections),
            names: names.into_iter().collect(),
            conversion_id: row.conversion_id.clone(),
            id: row.id.clone(),
        }
    }

    /// Whether something is left out.
    pub(in super::super) fn hides(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.hides)
    }
}

fn request(
    channel: Channel,
    raw: &RawRequest,
    corrections: &Corrections,
    roles: &BTreeMap<String, String>,
    shown: &dyn Fn(&str, &str) -> bool,
) -> Request {
    let mut left: BTreeMap<String, (&String, &String)> = corrections
        .iter()
        .filter(|(name, _)| *name != TEST_MARK)
        .map(|(name, value)| (Postback::plain_name(name), (name, value)))
        .collect();
    let mut hides = false;
    let mut parameter = |name: &str, sent: Option<&str>, by_hand: Option<&str>| {
        let is_shown = sent.into_iter().chain(by_hand).all(|value| shown(name, value));
        hides |= !is_shown;
        let or_hidden = |value: &str| if is_shown { value.to_owned() } else { HIDDEN.to_owned() };
        Parameter {
            name: name.to_owned(),
            sent: sent.map(or_hidden),
            is_hidden: !is_shown,
            corrected: by_hand.map(|value| if value.is_empty() { String::new() } else { or_hidden(value) }),
            read_as: roles.get(&Postback::plain_name(name)).cloned(),
        }
    };
    let pairs = parameters(channel, raw, &Corrections::new());
    let mut listed = Vec::with_capacity(pairs.len());
    for (name, value) in &pairs {
        let by_hand = left.get(&Postback::plain_name(name)).map(|(_, value)| value.as_str());
        listed.push(parameter(name, Some(value), by_hand));
    }
    for (name, _) in &pairs {
        left.remove(&Postback::plain_name(name));
    }
    for (name, value) in left.into_values() {
        listed.push(parameter(name, None, Some(value)));
    }
    let body = if is_form(raw) || raw.body.is_empty() || shown("", "@") {
        masked(&raw.body, shown)
    } else {
        hides = true;
        HIDDEN.to_owned()
    };
    Request {
        method: raw.method.clone(),
        query: masked(&raw.query, shown),
        body,
        sender: raw.source_ip.clone(),
        content_type: raw.content_type.clone(),
        cut: raw.cut.clone(),
        parameters: listed,
        hides,
    }
}

/// How a group's postbacks of a channel read.
struct Shape<'a> {
    form: Option<&'a Postback>,
    group: Option<&'a Group>,
    is_signed: bool,
}

impl<'a> Shape<'a> {
    fn of(groups: &'a Groups, channel: Channel, name: &str) -> Self {
        let group = match channel {
            Channel::Tracker | Channel::Pixel => groups.tracker(),
            _ => groups.get(name),
        };
        let is_signed = channel == Channel::Ipn;
        let form = match is_signed {
            true => group.and_then(|group| group.ipn.as_ref()).map(|ipn| &ipn.form),
            false => group.and_then(|group| group.postback.as_ref()),
        };
        Self { form, group, is_signed }
    }

    /// What each parameter is read as, by plain name.
    fn roles(&self) -> BTreeMap<String, String> {
        let mut roles = BTreeMap::new();
        let Some(form) = self.form else { return roles };
        let (fields, amounts) = (&form.fields, &form.amounts);
        let named = [
            (Some(&fields.click_id), "click id"),
            (Some(&fields.transaction_type), "what happened to the money"),
            (fields.transaction_id.as_ref(), "transaction"),
            (fields.order_id.as_ref(), "order"),
            (fields.order_type.as_ref(), "order type"),
            (fields.billing_type.as_ref(), "billing type"),
            (fields.billing_status.as_ref(), "billing status"),
            (fields.product_id.as_ref(), "product"),
            (fields.product_name.as_ref(), "product’s name"),
            (fields.currency.as_ref(), "currency"),
            (fields.is_test.as_ref(), "whether it is a test"),
            (fields.event_id.as_ref(), "the sender’s id of the call"),
            (fields.sequence.as_ref(), "which of the payments that recur"),
            (amounts.affiliate.as_ref(), "commission"),
            (amounts.vendor.as_ref(), "vendor’s share"),
            (amounts.brutto.as_ref(), "brutto"),
            (amounts.netto.as_ref(), "netto"),
        ];
        let named = named.into_iter().filter_map(|(name, role)| Some((name?.as_str(), role)));
        let times = form.time.iter().map(|time| (time.param.as_str(), "the sender’s time"));
        let custom = form.custom.iter().map(|name| (name.as_str(), "passed through"));
        let volatile = form.volatile.iter().map(|name| (name.as_str(), "differs at each call: left aside"));
        let personal = form.personal.iter().map(|name| (name.as_str(), "tells of a person"));
        let signed_by = self.group.and_then(|group| group.ipn.as_ref()).filter(|_| self.is_signed);
        let signed_by = signed_by.iter().flat_map(|ipn| &ipn.signed_by).map(|name| (name.as_str(), "signature"));
        let all = [(TYPE, "type")].into_iter().chain(named).chain(times);
        for (name, role) in all.chain(custom).chain(volatile).chain(personal).chain(signed_by) {
            roles.entry(Postback::plain_name(name)).or_insert_with(|| role.to_owned());
        }
        roles
    }
}

/// How a group's postbacks of this channel read; `None` where there is no such group.
pub(in super::super) fn form_of<'a>(groups: &'a Groups, channel: &str, group: &str) -> Option<&'a Postback> {
    Shape::of(groups, Channel::parse(channel)?, group).form
}

/// A channel, in words.
pub(in super::super) fn channel_said(channel: Channel) -> &'static str {
    match channel {
        Channel::Collect => "the network called the postback URL",
        Channel::Ipn => "a signed notification of the network",
        Channel::Tracker => "called as trackers are called",
        Channel::Pixel => "a pixel in a page",
        Channel::Import => "a row of a file that was imported",
        Channel::Reconcile => "the network’s API, asked for what was missing",
    }
}

/// A state of postbacks, in words.
pub(in super::super) fn state_said(state: &str) -> &'static str {
    match state {
        "accepted" => "It is booked.",
        "duplicate" => "It tells what was told before, and changes nothing.",
        "updated" => "It changed what was booked before.",
        "unattributed" => "It is booked, and nobody is credited.",
        "test" => "It is kept as a test: it counts in no report.",
        "refused" => "It could not be understood, and is not booked.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(query: &str, body: &str) -> RawRequest {
        RawRequest { method: "GET".into(), query: query.into(), body: body.into(), ..RawRequest::default() }
    }

    fn shown_with(groups: &Groups, raw: &RawRequest, corrections: &[(&str, &str)], everything: bool) -> Request {
        let name = groups.iter().find(|group| group.ipn.is_some()).expect("a network").name.clone();
        let personal = Masking::of(groups, crate::people::Role::Analyst);
        let corrections = corrections.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let roles = Shape::of(groups, Channel::Collect, &name).roles();
        let shown = |name: &str, value: &str| everything || !personal.is_told_by(name, value);
        request(Channel::Collect, raw, &corrections, &roles, &shown)
    }

    #[test]
    fn what_tells_of_a_person_is_left_out_of_table_and_text_unless_asked_for() {
        let groups = Groups::load(None).expect("the built-in groups");
        let sent = raw("first_name=Ann%20A&cid=x&note=a%40b.example&EMAIL=&amount_brutto=1.00", "");
        let masked = shown_with(&groups, &sent, &[("e-mail", "c@d.example")], false);
        assert_eq!(masked.query, "first_name=•••&cid=x&note=•••&EMAIL=&amount_brutto=1.00");
        assert!(masked.hides && !format!("{masked:?}").contains("Ann") && !format!("{masked:?}").contains("d.example"));
        let open = shown_with(&groups, &sent, &[("e-mail", "c@d.example")], true);
        assert_eq!(open.query, sent.query);
        assert!(!open.hides);
        assert_eq!(open.parameters[0].sent.as_deref(), Some("Ann A"));
    }

    #[test]
    fn a_body_that_is_no_form_is_left_out_whole() {
        let groups = Groups::load(None).expect("the built-in groups");
        let sent = RawRequest { content_type: Some("application/json".into()), ..raw("", r#"{"email":"x"}"#) };
        let masked = shown_with(&groups, &sent, &[], false);
        assert_eq!((masked.body.as_str(), masked.hides), (HIDDEN, true));
        assert_eq!(shown_with(&groups, &sent, &[], true).body, sent.body);
    }

    #[test]
    fn corrections_stand_beside_what_was_sent() {
        let groups = Groups::load(None).expect("the built-in groups");
        let sent = raw("currency=EURO&random=1", "");
        let request = shown_with(&groups, &sent, &[("Currency", "EUR"), ("random", ""), ("cid", "abc")], false);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = request
            .parameters
            .iter()
            .map(|one| (one.name.as_str(), one.sent.as_deref(), one.corrected.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("currency", Some("EURO"), Some("EUR")), ("random", Some("1"), Some("")), ("cid", None, Some("abc")),]
        );
        assert_eq!(request.parameters[0].read_as.as_deref(), Some("currency"));
        assert_eq!(request.parameters[2].read_as.as_deref(), Some("click id"));
    }
}
