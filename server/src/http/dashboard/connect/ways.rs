//! The ways in which a group is connected: the address to copy, the steps in the network's own words, and whether a test can be sent.

use super::milestones::{self, CameBy, Milestone};
use crate::postback_urls::PostbackUrl;
use crate::store::Arrival;
use crate::trial_call;
use tagwerk_protocol::group::Group;
use tagwerk_protocol::group::connect::{Part, WayKind, parts};

/// A text with what stands on screens and what is to be read letter by letter marked in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// `plain`, `screen` or `letters`.
    pub(super) mark: &'static str,
    /// The text.
    pub(super) text: String,
}

impl Words {
    /// A text of a group's file.
    pub(super) fn of(text: &str) -> Self {
        let piece = |part: Part<'_>| match part {
            Part::Plain(text) => Piece { mark: "plain", text: text.to_owned() },
            // A way through menus.
            Part::Screen(text) => Piece { mark: "screen", text: text.replace(" > ", " › ") },
            Part::Letters(text) => Piece { mark: "letters", text: text.to_owned() },
        };
        Self(parts(text).into_iter().map(piece).collect())
    }
}

/// Whether a test can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// By a button.
    Offered,
    /// Once the passphrase was entered.
    NeedsPassphrase,
    /// Never: the sentence says why.
    None(&'static str),
}

/// One way to connect a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WayEntry {
    /// The word for its kind.
    pub(super) word: &'static str,
    /// What it is called.
    pub(super) title: String,
    /// Whose way it is.
    pub(super) about: Words,
    /// What its address is called.
    pub(super) address_title: &'static str,
    /// The address, for those who may see it.
    pub(super) url: Option<String>,
    /// What to do at the network.
    pub(super) steps: Vec<Words>,
    /// What else is good to know.
    pub(super) notes: Vec<Words>,
    /// Whether a test can be sent.
    pub(super) test: Test,
    /// Whether a real one has come.
    pub(super) waits: Milestone,
    /// Whether it is unfolded.
    pub(super) open: bool,
}

/// What decides how the ways are shown.
pub(super) struct Shown<'a> {
    /// The group's addresses.
    pub(super) urls: Vec<PostbackUrl>,
    /// Whether secrets are shown.
    pub(super) secrets: bool,
    /// Whether the passphrase is there.
    pub(super) has_passphrase: bool,
    /// What has come.
    pub(super) arrivals: &'a [Arrival],
    /// By which URL real ones came, as far as they say.
    pub(super) came_by: &'a CameBy,
    /// The way that a test was sent by just now.
    pub(super) tested: Option<WayKind>,
}

const NOT_MARKED: &str =
    "This network has no way of marking a call as a test, so a test would be booked as a sale. There is none.";
const NO_EXAMPLE: &str = "The group's file has no example of a call (connect.way.test), so there is no test to send.";
const PIXEL: &str = "A pixel stands in pages, where anybody can call it; its calls cannot be marked as tests. Open the page that loads it.";

/// The ways of a group: those of its file, else one for each of its addresses.
pub(super) fn of(group: &Group, shown: Shown<'_>) -> Vec<WayEntry> {
    let connect = group.connect.as_ref().filter(|connect| !connect.way.is_empty());
    let mut ways: Vec<WayEntry> = match connect {
        Some(connect) => connect
            .way
            .iter()
            .map(|way| {
                let words = |texts: &[String]| texts.iter().map(|text| Words::of(text)).collect();
                let (steps, notes) = (words(&way.steps), words(&way.notes));
                entry(group, way.kind, way.title.clone(), Words::of(&way.about), (steps, notes), &shown)
            })
            .collect(),
        None => {
            let way = |url: &PostbackUrl| {
                let step = format!("Open {} and paste the URL below.", url.setup);
                let steps = if url.setup.is_empty() { Vec::new() } else { vec![Words::of(&step)] };
                entry(
                    group,
                    url.kind,
                    address_title(url.kind).to_owned(),
                    Words::default(),
                    (steps, Vec::new()),
                    &shown,
                )
            };
            shown.urls.iter().map(way).collect()
        }
    };
    // One of them is always open, so that it is seen what there is.
    if !ways.iter().any(|way| way.open)
        && let Some(first) = ways.first_mut()
    {
        first.open = true;
    }
    ways
}

fn entry(
    group: &Group,
    kind: WayKind,
    title: String,
    about: Words,
    (steps, notes): (Vec<Words>, Vec<Words>),
    shown: &Shown<'_>,
) -> WayEntry {
    let channel = trial_call::channel(kind);
    let waits = milestones::of_way(group, kind, shown.arrivals, shown.came_by);
    let url = shown.urls.iter().find(|url| url.kind == kind).map(|url| url.url.clone());
    // A notification's address cannot be told from its arrivals before it is used; what is used is unfolded.
    let is_used = shown.arrivals.iter().any(|one| one.group == group.name && one.channel == channel);
    let is_main = kind != WayKind::Vendor;
    WayEntry {
        word: kind.as_str(),
        title,
        about,
        address_title: address_title(kind),
        // What stands in pages is no secret.
        url: url.filter(|_| shown.secrets || kind == WayKind::Pixel),
        steps,
        notes,
        test: test(group, kind, shown.has_passphrase),
        waits,
        open: shown.tested == Some(kind) || (shown.tested.is_none() && is_used && is_main),
    }
}

fn test(group: &Group, kind: WayKind, has_passphrase: bool) -> Test {
    let marks = group.form_of(kind).is_some_and(|form| form.fields.is_test.is_some());
    let example = group.connect.as_ref().and_then(|connect| connect.way(kind)?.test.as_ref());
    match (kind, marks, example) {
        (WayKind::Pixel, ..) => Test::None(PIXEL),
        (_, false, _) => Test::None(NOT_MARKED),
        (_, true, None) => Test::None(NO_EXAMPLE),
        (WayKind::Ipn, true, Some(_)) if !has_passphrase => Test::NeedsPassphrase,
        (_, true, Some(_)) => Test::Offered,
    }
}

fn address_title(kind: WayKind) -> &'static str {
    match kind {
        WayKind::Affiliate => "Affiliate Postback URL",
        WayKind::Vendor => "Vendor Postback URL",
        WayKind::Ipn => "IPN URL",
        WayKind::Tracker => "Tracker Postback URL",
        WayKind::Pixel => "Pixel URL",
    }
}

/// The kind that a word of a form names.
pub(super) fn kind(word: &str) -> Option<WayKind> {
    use WayKind::{Affiliate, Ipn, Pixel, Tracker, Vendor};
    [Affiliate, Vendor, Ipn, Tracker, Pixel].into_iter().find(|kind| kind.as_str() == word)
}
