//! What the rows are about: visits from several campaigns, and what became of them. Everything follows from numbers, so that the
//! same number always gives the same visit, and no two the same.

use std::fmt::Write as _;
use tagwerk_protocol::click_id::{ClickId, VisitId};
use tagwerk_protocol::event::{Click, Event, How, OUTBOUND_CLICK, PAGE_VIEW};
use tagwerk_protocol::source::Arrival;

/// How many conversions come of one visit: a sale, an upsell, a rebill, and a second order or a refund.
pub(crate) const OF_A_VISIT: u64 = 4;
/// The query of a postback, after the group's name. It is data: no source names a network.
const POSTBACK: &str = include_str!("../../../bench/server/postback.txt");
const CAMPAIGNS: u64 = 40;
const PRODUCTS: u64 = 60;

/// A row's number, and when it happens in milliseconds since 1970 UTC.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) number: u64,
    pub(crate) at: i64,
}

/// Numbers that look like chance, but are the same each time.
pub(crate) fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A visit's id and that of its click.
pub(crate) fn ids(visit: u64) -> Option<(VisitId, ClickId)> {
    let mut state = scatter(visit);
    let mut random = |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            state = scatter(state);
            chunk.copy_from_slice(state.to_le_bytes().get(..chunk.len()).unwrap_or_default());
        }
        true
    };
    let visit = VisitId::mint(&mut random)?;
    let click = ClickId::mint(&visit, &mut random)?;
    Some((visit, click))
}

/// What the tag reports of a visit: the page, then the click on the offer.
pub(crate) fn events(visit: Moment) -> Option<[Event; 2]> {
    let (visit_id, click_id) = ids(visit.number)?;
    let chance = scatter(visit.number ^ 0xabcd);
    let campaign = chance % CAMPAIGNS;
    let page = format!(
        "https://shop.example/review-of-the-course?utm_source={}&utm_medium=cpc&utm_campaign=campaign-{campaign}&utm_content=ad-{}&utm_term=word-{}&gclid=Cj0KCQ{chance:x}{:x}",
        if campaign.is_multiple_of(3) { "google" } else { "facebook" },
        chance % 7,
        chance % 31,
        scatter(chance),
    );
    let landing = Arrival { at: visit.at, page: page.clone(), referrer: "https://www.google.com/".into() };
    let viewed = Event {
        event_id: format!("v{:016x}", scatter(visit.number)),
        name: PAGE_VIEW.into(),
        at: visit.at,
        visit_id,
        visitor_id: Some(format!("{:016x}", scatter(visit.number / 2))),
        page,
        landing,
        touch: None,
        first: None,
        click_id: None,
        click: None,
        attributes: Vec::new(),
        cookies: vec![("_gcl_au".into(), format!("1.1.{}.{}", chance % 1_000_000_000, visit.at / 1000))],
        automated: false,
    };
    let clicked = Event {
        event_id: click_id.as_str().to_owned(),
        name: OUTBOUND_CLICK.into(),
        click: Some(Click {
            group: None,
            href: format!("https://offers.example/redir/{}/partner/?id={click_id}", chance % PRODUCTS),
            label: "To the offer".into(),
            how: How::Left,
            foreign: false,
        }),
        click_id: Some(click_id),
        ..viewed.clone()
    };
    Some([viewed, clicked])
}

/// The group and the query of a postback, `group?query`. `visits` says which visit it comes from; `series` keeps its transactions apart
/// from those of another run.
pub(crate) fn postback(postback: Moment, series: &str, visits: impl Fn(u64) -> u64) -> Option<String> {
    let story = postback.number / OF_A_VISIT;
    let part = postback.number % OF_A_VISIT;
    let (_, click_id) = ids(visits(story))?;
    let chance = scatter(story ^ 0x5a1e);
    let refund = part == 3 && chance.is_multiple_of(4);
    // A refund takes back the sale that the story began with.
    let transaction = if refund { story * OF_A_VISIT } else { postback.number };
    let order = if part == 3 && !refund { scatter(postback.number) } else { scatter(story) };
    let product = if part == 1 { chance / 64 % PRODUCTS } else { chance % PRODUCTS };
    let cents = 1900 + product * 500;
    let money = |percent: u64| format!("{}.{:02}", cents * percent / 10_000, cents * percent / 100 % 100);
    // One in thirty comes without a click id of ours.
    let click_id = if chance.is_multiple_of(30) { "" } else { click_id.as_str() };
    let mut text = String::with_capacity(640);
    for (index, piece) in POSTBACK.trim_end().split(['{', '}']).enumerate() {
        // Every other piece stands in braces.
        let _ = match (index % 2, piece) {
            (0, piece) => write!(text, "{piece}"),
            (_, "click_id") => write!(text, "{click_id}"),
            (_, "transaction") => write!(text, "{series}{transaction}"),
            (_, "order") => write!(text, "{series}{order:016X}"),
            (_, "transaction_type") => write!(text, "{}", if refund { "refund" } else { "payment" }),
            (_, "order_type") => write!(text, "{}", if part == 1 { "upsell" } else { "initial_sale" }),
            (_, "billing_type") => write!(text, "{}", if part == 2 { "subscription" } else { "single_payment" }),
            (_, "billing_status") => write!(text, "{}", if part == 2 { "paying" } else { "completed" }),
            (_, "affiliate") => write!(text, "{}", money(60)),
            (_, "brutto") => write!(text, "{}", money(119)),
            (_, "netto") => write!(text, "{}", money(100)),
            (_, "vendor") => write!(text, "{}", money(32)),
            (_, "product") => write!(text, "{product}"),
            (_, "campaign") => write!(text, "key-{}", chance % CAMPAIGNS),
            (_, "seconds") => write!(text, "{}", postback.at / 1000),
            (_, "random") => write!(text, "{:08x}", scatter(postback.number) >> 32),
            (_, unknown) => write!(text, "{{{unknown}}}"),
        };
    }
    Some(text)
}
