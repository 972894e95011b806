//! Facts for reports: they say what a recount of the lists says, whatever came, changed and was late.

mod questions;
mod recount;
mod story;

use crate::given::{amount, book, click, outbound, page_view, postback, refund, sale, send, site, visit};
pub(crate) use questions::{
    a_condition_on_what_visits_do_not_have_leaves_none_in, a_visitor_of_several_groups_counts_once_over_all,
    days_begin_and_end_as_the_zone_says, each_row_s_money_is_converted_at_the_rate_of_its_own_day,
    the_values_and_names_that_came_are_told,
};
use recount::Lists;
use std::collections::BTreeMap;
use std::sync::Arc;
pub(crate) use story::answers_equal_a_recount_of_the_lists_whatever_happened;
use tagwerk_protocol::conversion::Conversion;
use tagwerk_protocol::money::Currency;
use tagwerk_server::credit::{Model, WHOLE};
use tagwerk_server::store::facts::{Asked, Counts, Dimension, Group, Money, Visitors};
use tagwerk_server::store::{ReceivedEvent, ReceivedPostback, SharedStore};

pub(crate) const DAY: i64 = 86_400_000;
/// Day 0 of these stories, at midnight: 2023-11-01.
pub(crate) const START: i64 = 19_662 * DAY;

pub(crate) fn asked(by: Vec<Dimension>, model: Model) -> Asked {
    Asked {
        by,
        conditions: Vec::new(),
        from: START - 400 * DAY,
        until: START + 400 * DAY,
        zone: jiff::tz::TimeZone::UTC,
        model,
        into: None,
        rates: Arc::default(),
        visitors: true,
    }
}

pub(crate) async fn take_in_all(store: &SharedStore) {
    while store.take_in(1000).await.expect("news is taken in").left > 0 {}
}

/// The groups by their values.
pub(crate) async fn groups(store: &SharedStore, site_id: &str, asked: &Asked) -> BTreeMap<Vec<Option<String>>, Group> {
    let found = store.groups(site_id, asked.clone()).await.expect("an answer");
    found.groups.into_iter().map(|group| (group.values.clone(), group)).collect()
}

/// Everything in one.
async fn everything(store: &SharedStore, site_id: &str, model: Model) -> Group {
    groups(store, site_id, &asked(Vec::new(), model)).await.into_values().next().unwrap_or_default()
}

/// Holds a few questions against a recount.
async fn holds(store: &SharedStore, site_id: &str) {
    let lists = Lists::of(store, site_id).await;
    for by in
        [vec![], vec![Dimension::Utm("utm_campaign".into()), Dimension::Day], vec![Dimension::Link, Dimension::Product]]
    {
        for model in Model::ALL {
            let question = asked(by.clone(), model);
            let recounted = lists.groups(&question).groups.into_iter().map(|group| (group.values.clone(), group));
            assert_eq!(groups(store, site_id, &question).await, recounted.collect(), "{question:?}");
        }
    }
}

/// A visit of a visitor at a time, with a source or none.
pub(crate) fn arrival(number: u64, visitor: Option<&str>, at: i64, campaign: Option<&str>) -> ReceivedEvent {
    let mut event = page_view(&visit(number));
    event.received_at = at + 1000;
    event.event.at = at;
    event.event.landing.at = at;
    event.event.visitor_id = visitor.map(str::to_owned);
    event.visit.source.clear();
    event.visit.click_ids.clear();
    if let Some(campaign) = campaign {
        event.visit.source.insert("utm_campaign".into(), campaign.into());
        event.visit.source.insert("utm_source".into(), "news".into());
        event.visit.click_ids.insert("gclid".into(), "G".into());
    }
    event
}

/// The click of that visit, a minute later.
pub(crate) fn clicked(arrival: &ReceivedEvent) -> ReceivedEvent {
    let mut event = outbound(&click(&arrival.event.visit_id, 7));
    event.event.visitor_id.clone_from(&arrival.event.visitor_id);
    event.event.landing = arrival.event.landing.clone();
    event.visit = tagwerk_server::store::NewVisit { id: crate::given::id(), ..arrival.visit.clone() };
    event.event.at = arrival.event.at + 60_000;
    event.received_at = event.event.at;
    event
}

pub(crate) fn sub_id(number: u64) -> String {
    click(&visit(number), 7).to_string()
}

/// A postback that arrives at this time.
fn at(conversion: &Conversion, at: i64) -> ReceivedPostback {
    ReceivedPostback { received_at: at, ..postback(conversion) }
}

pub(crate) async fn booked(store: &SharedStore, site_id: &str, conversion: &Conversion, time: i64) {
    store.receive_postback(site_id, at(conversion, time)).await.expect("a postback is taken");
}

/// Campaign -> (conversions in millionths, revenue, refunded), those without any left out.
pub(crate) async fn by_campaign(
    store: &SharedStore,
    site_id: &str,
    model: Model,
) -> BTreeMap<Option<String>, (i64, i128, i128)> {
    let mut found = BTreeMap::new();
    for (values, group) in groups(store, site_id, &asked(vec![Dimension::Utm("utm_campaign".into())], model)).await {
        let money: Vec<Money> = group.amounts.into_values().collect();
        let sum = |of: fn(&Money) -> i128| money.iter().map(of).sum::<i128>();
        let row = (group.counts.conversions, sum(|money| money.revenue), sum(|money| money.refunded));
        found.insert(values.into_iter().next().flatten(), row);
    }
    found.retain(|_, row| *row != (0, 0, 0));
    found
}

fn campaign(name: &str) -> Option<String> {
    Some(name.to_owned())
}

fn revenue(micro: i128) -> Money {
    Money { revenue: micro, commission: micro, ..Money::default() }
}

/// One sale.
const A_SALE: Counts = Counts {
    visits: 0,
    bots: 0,
    clicks: 0,
    conversions: WHOLE,
    leads: 0,
    sales: WHOLE,
    refunds: 0,
    chargebacks: 0,
    unvalued: 0,
};

pub(crate) async fn a_sale_counts_where_its_visit_came_from(store: SharedStore) {
    let site_id = site(&store).await;
    let first = arrival(1, Some("anna"), START, Some("spring"));
    let click = clicked(&first);
    send(&store, &site_id, vec![first, click]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    take_in_all(&store).await;
    let told = groups(&store, &site_id, &asked(vec![Dimension::Utm("utm_campaign".into())], Model::Click)).await;
    let expected = Group {
        values: vec![campaign("spring")],
        counts: Counts { visits: 1, clicks: 1, ..A_SALE },
        visitors: Some(Visitors { count: 1, estimated: false }),
        amounts: BTreeMap::from([(Some("EUR".to_owned()), revenue(10_000_000))]),
        not_converted: vec![Some("EUR".to_owned())],
        ..Group::default()
    };
    assert_eq!(told, BTreeMap::from([(expected.values.clone(), expected)]));
    holds(&store, &site_id).await;
}

pub(crate) async fn the_models_share_a_sale_among_its_visitor_s_visits(store: SharedStore) {
    let site_id = site(&store).await;
    let first = arrival(1, Some("anna"), START, Some("spring"));
    let second = arrival(2, Some("anna"), START + 7 * DAY, Some("retarget"));
    let third = arrival(3, Some("anna"), START + 14 * DAY, None);
    let other = arrival(4, Some("bob"), START + DAY, Some("other"));
    let click = clicked(&second);
    send(&store, &site_id, vec![first, second, third, other, click]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(2))), START + 14 * DAY).await;
    take_in_all(&store).await;
    let all = |name: &str| BTreeMap::from([(campaign(name), (WHOLE, 10_000_000, 0))]);
    assert_eq!(by_campaign(&store, &site_id, Model::Click).await, all("retarget"));
    assert_eq!(by_campaign(&store, &site_id, Model::LastNonDirect).await, all("retarget"));
    assert_eq!(by_campaign(&store, &site_id, Model::First).await, all("spring"));
    let shared = [
        (None, (571_429, 5_714_286, 0)),
        (campaign("retarget"), (285_714, 2_857_143, 0)),
        (campaign("spring"), (142_857, 1_428_571, 0)),
    ];
    assert_eq!(by_campaign(&store, &site_id, Model::TimeDecay).await, BTreeMap::from(shared));
    holds(&store, &site_id).await;
}

pub(crate) async fn a_visit_that_reports_late_gets_its_share(store: SharedStore) {
    let site_id = site(&store).await;
    let second = arrival(2, Some("anna"), START + DAY, Some("second"));
    let click = clicked(&second);
    send(&store, &site_id, vec![second, click]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(2))), START + 2 * DAY).await;
    take_in_all(&store).await;
    let alone = BTreeMap::from([(campaign("second"), (WHOLE, 10_000_000, 0))]);
    assert_eq!(by_campaign(&store, &site_id, Model::Linear).await, alone);
    send(&store, &site_id, vec![arrival(1, Some("anna"), START, Some("first"))]).await;
    take_in_all(&store).await;
    let half = (WHOLE / 2, 5_000_000, 0);
    let shared = BTreeMap::from([(campaign("first"), half), (campaign("second"), half)]);
    assert_eq!(by_campaign(&store, &site_id, Model::Linear).await, shared);
    holds(&store, &site_id).await;
}

pub(crate) async fn a_conversion_waits_under_no_campaign_until_its_visit_reports(store: SharedStore) {
    let site_id = site(&store).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    take_in_all(&store).await;
    assert_eq!(by_campaign(&store, &site_id, Model::Click).await, BTreeMap::from([(None, (WHOLE, 10_000_000, 0))]));
    send(&store, &site_id, vec![arrival(1, Some("anna"), START, Some("spring"))]).await;
    take_in_all(&store).await;
    let credited = BTreeMap::from([(campaign("spring"), (WHOLE, 10_000_000, 0))]);
    assert_eq!(by_campaign(&store, &site_id, Model::Click).await, credited);
    holds(&store, &site_id).await;
}

pub(crate) async fn a_click_that_reports_late_tells_where_its_sale_and_refund_led(store: SharedStore) {
    let site_id = site(&store).await;
    let first = arrival(1, Some("anna"), START, Some("spring"));
    let click = clicked(&first);
    send(&store, &site_id, vec![first]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    booked(&store, &site_id, &refund("t-1", None, "-10.00"), START + 2 * DAY).await;
    take_in_all(&store).await;
    let question = asked(vec![Dimension::Link, Dimension::Page], Model::Click);
    let before = groups(&store, &site_id, &question).await;
    assert_eq!(before.into_keys().collect::<Vec<_>>(), [vec![None, None]]);
    send(&store, &site_id, vec![click]).await;
    take_in_all(&store).await;
    let after = groups(&store, &site_id, &question).await;
    let led = vec![Some("n.example/offer".to_owned()), Some("a.example/review".to_owned())];
    let counts = &after[&led].counts;
    assert_eq!((after.len(), counts.clicks, counts.sales, counts.refunds), (1, 1, WHOLE, WHOLE));
    holds(&store, &site_id).await;
}

pub(crate) async fn a_refund_takes_back_from_whom_its_sale_gave_to_before_or_after_it(store: SharedStore) {
    for refund_first in [false, true] {
        let site_id = site(&store).await;
        let first = arrival(1, Some("anna"), START, Some("first"));
        let second = arrival(2, Some("anna"), START + DAY, Some("second"));
        let click = clicked(&second);
        // A visit between sale and refund has no part in either.
        let later = arrival(3, Some("anna"), START + 3 * DAY, Some("later"));
        send(&store, &site_id, vec![first, second, click, later]).await;
        let bought = sale("t-1", Some(&sub_id(2)));
        let mut back = refund("t-1", None, "-10.00");
        back.product_id = None;
        let (sold, returned) = ((&bought, START + 2 * DAY), (&back, START + 4 * DAY));
        let order = if refund_first { [returned, sold] } else { [sold, returned] };
        for (conversion, time) in order {
            booked(&store, &site_id, conversion, time).await;
            take_in_all(&store).await;
        }
        let half = (WHOLE / 2, 5_000_000, 5_000_000);
        let shared = BTreeMap::from([(campaign("first"), half), (campaign("second"), half)]);
        assert_eq!(by_campaign(&store, &site_id, Model::Linear).await, shared, "refund first: {refund_first}");
        assert_eq!(everything(&store, &site_id, Model::Linear).await.amounts[&Some("EUR".to_owned())].commission, 0);
        holds(&store, &site_id).await;
    }
}

pub(crate) async fn what_recurs_is_credited_by_what_came_before_its_click(store: SharedStore) {
    for (rebill, recurring, credited) in
        [(Some(true), false, "first"), (None, true, "first"), (Some(false), true, "later"), (None, false, "later")]
    {
        let site_id = site(&store).await;
        let first = arrival(1, Some("anna"), START, Some("first"));
        let click = clicked(&first);
        let later = arrival(2, Some("anna"), START + 5 * DAY, Some("later"));
        send(&store, &site_id, vec![first, click, later]).await;
        let conversion = Conversion { rebill, recurring, ..sale("t-1", Some(&sub_id(1))) };
        booked(&store, &site_id, &conversion, START + 30 * DAY).await;
        take_in_all(&store).await;
        let all = BTreeMap::from([(campaign(credited), (WHOLE, 10_000_000, 0))]);
        assert_eq!(by_campaign(&store, &site_id, Model::LastNonDirect).await, all, "{rebill:?} {recurring}");
        holds(&store, &site_id).await;
    }
}

pub(crate) async fn a_version_that_counts_takes_the_place_of_the_one_before(store: SharedStore) {
    let site_id = site(&store).await;
    let mut conversion = sale("t-1", None);
    conversion.sent_at = Some(START + DAY);
    booked(&store, &site_id, &conversion, START + DAY).await;
    take_in_all(&store).await;
    conversion.sent_at = Some(START);
    conversion.value = Some(amount("12.34"));
    conversion.amounts.affiliate = Some(amount("12.34"));
    conversion.currency = Currency::parse("USD");
    booked(&store, &site_id, &conversion, START + 2 * DAY).await;
    take_in_all(&store).await;
    let told = everything(&store, &site_id, Model::Click).await;
    assert_eq!((told.counts, told.amounts), (A_SALE, BTreeMap::from([(Some("USD".to_owned()), revenue(12_340_000))])));
    assert_eq!(told.not_converted, [Some("USD".to_owned())], "what was taken out leaves no trace");
    holds(&store, &site_id).await;
}

pub(crate) async fn tests_and_what_does_not_carry_its_money_count_for_nothing(store: SharedStore) {
    let site_id = site(&store).await;
    let mut test = sale("t-1", None);
    test.is_test = true;
    test.identity.push_str("/test");
    booked(&store, &site_id, &test, START).await;
    let plain = sale("t-2", None);
    booked(&store, &site_id, &plain, START).await;
    let mut typed = sale("t-2", None);
    typed.identity.push_str("/Upsell");
    typed.kind = "Upsell".into();
    typed.type_sent = Some("Upsell".into());
    booked(&store, &site_id, &typed, START).await;
    take_in_all(&store).await;
    let told = groups(&store, &site_id, &asked(vec![Dimension::Type], Model::Click)).await;
    let kinds: Vec<_> = told.into_values().map(|group| (group.values, group.counts)).collect();
    assert_eq!(kinds, [(vec![campaign("Purchase")], A_SALE)]);
    holds(&store, &site_id).await;
}

pub(crate) async fn what_has_no_value_is_counted_and_told_apart(store: SharedStore) {
    let site_id = site(&store).await;
    let mut unknown = sale("t-1", None);
    unknown.value = None;
    booked(&store, &site_id, &unknown, START).await;
    take_in_all(&store).await;
    let told = everything(&store, &site_id, Model::Click).await;
    assert_eq!(told.counts, Counts { unvalued: WHOLE, ..A_SALE });
}

pub(crate) async fn sites_and_currencies_are_kept_apart(store: SharedStore) {
    let (one, other) = (site(&store).await, site(&store).await);
    for (site_id, code, transaction) in [(&one, "EUR", "t-1"), (&one, "USD", "t-2"), (&other, "EUR", "t-1")] {
        let mut conversion = sale(transaction, None);
        conversion.currency = Currency::parse(code);
        booked(&store, site_id, &conversion, START).await;
    }
    take_in_all(&store).await;
    let key = |code: &str| (Some(code.to_owned()), revenue(10_000_000));
    assert_eq!(everything(&store, &one, Model::Click).await.amounts, BTreeMap::from([key("EUR"), key("USD")]));
    assert_eq!(everything(&store, &other, Model::Click).await.amounts, BTreeMap::from([key("EUR")]));
}

pub(crate) async fn taking_in_again_changes_nothing_and_says_what_is_left(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..5 {
        book(&store, &site_id, &sale(&format!("t-{number}"), None)).await;
    }
    let taken = store.take_in(2).await.expect("taken in");
    assert_eq!((taken.taken, taken.left), (2, 3));
    take_in_all(&store).await;
    let before = everything(&store, &site_id, Model::Click).await;
    assert_eq!(before.counts.conversions, 5 * WHOLE);
    let again = store.take_in(1000).await.expect("taken in");
    assert_eq!((again.taken, again.left), (0, 0));
    assert_eq!(everything(&store, &site_id, Model::Click).await, before);
}

pub(crate) async fn amounts_as_large_as_can_be_do_not_stop_the_facts(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..3 {
        let mut conversion = sale(&format!("t-{number}"), None);
        conversion.value = Some(amount("9223372036854.775807"));
        booked(&store, &site_id, &conversion, START).await;
    }
    take_in_all(&store).await;
    let told = everything(&store, &site_id, Model::Click).await;
    assert_eq!(told.amounts[&Some("EUR".to_owned())].revenue, 3 * i128::from(i64::MAX));
}
