//! Totals for reports: they say what a recount of the lists says, whatever came, changed and was late.

use crate::given::{book, click, newest, outbound, page_view, postback, refund, sale, send, site, visit};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use tagwerk_protocol::conversion::{Conversion, TransactionType};
use tagwerk_protocol::money::Currency;
use tagwerk_server::attribution::State;
use tagwerk_server::credit::{self, Case, Model, Touch, WHOLE};
use tagwerk_server::store::{
    Asked, ConversionRow, Dimension, Measures, ReceivedEvent, ReceivedPostback, SharedStore, Visit,
};

const DAY: i64 = 86_400_000;
/// Day 0 of these stories, at midnight: the first of a month, so that stories span days and months.
const START: i64 = 19_662 * DAY;
const DIMENSIONS: [Dimension; 14] = [
    Dimension::All,
    Dimension::UtmSource,
    Dimension::UtmMedium,
    Dimension::UtmCampaign,
    Dimension::UtmTerm,
    Dimension::UtmContent,
    Dimension::ClickIds,
    Dimension::LandingPage,
    Dimension::Country,
    Dimension::Device,
    Dimension::Group,
    Dimension::Product,
    Dimension::Type,
    Dimension::State,
];

/// Value, day if asked for, and currency.
type Key = (Option<String>, Option<i64>, Option<String>);
type Sums = BTreeMap<Key, Measures>;

fn asked(dimension: Dimension, model: Model) -> Asked {
    let day = START / DAY;
    Asked { dimension, from: day - 400, to: day + 400, per_day: false, into: None, model, kind: None, group: None }
}

async fn fold_all(store: &SharedStore) {
    while store.fold(1000).await.expect("news is folded in").left > 0 {}
}

/// The totals, with what shares a key added up and what is of nothing left out.
async fn totals(store: &SharedStore, site_id: &str, asked: &Asked) -> Sums {
    let mut sums = Sums::new();
    for total in store.totals(site_id, asked.clone()).await.expect("totals are read") {
        *sums.entry((total.value, total.day, total.currency)).or_default() += total.measures;
    }
    sums.retain(|_, measures| *measures != Measures::default());
    sums
}

/// Everything that the lists show of one site.
struct Lists {
    visits: BTreeMap<String, Visit>,
    clicks: Vec<(String, i64, Option<String>)>,
    conversions: Vec<ConversionRow>,
}

impl Lists {
    async fn of(store: &SharedStore, site_id: &str) -> Self {
        let visits = store.visits(site_id, newest()).await.expect("visits").items;
        let clicks = store.clicks(site_id, newest()).await.expect("clicks").items;
        Self {
            visits: visits.into_iter().map(|visit| (visit.visit_id.clone(), visit)).collect(),
            clicks: clicks.into_iter().map(|row| (row.visit_id, row.at.min(row.received_at), row.group)).collect(),
            conversions: store.conversions(site_id, newest()).await.expect("conversions").items,
        }
    }

    fn recount(&self, asked: &Asked) -> Sums {
        let mut sums = Sums::new();
        let mut add = |value: Option<String>, day: i64, currency: Option<String>, measures: Measures| {
            if (asked.from..=asked.to).contains(&day) {
                let by_day = asked.per_day || asked.into.is_some() && currency.is_some() && asked.into != currency;
                *sums.entry((value, by_day.then_some(day), currency)).or_default() += measures;
            }
        };
        for visit in self.visits.values().filter(|_| asked.dimension.has_visits()) {
            let measures = Measures { visits: 1, bots: i64::from(visit.bot), ..Measures::default() };
            add(of_visit(asked.dimension, Some(visit)), began(visit).div_euclid(DAY), None, measures);
        }
        for (visit_id, at, group) in self.clicks.iter().filter(|_| asked.dimension.has_clicks()) {
            if asked.group.is_none() || asked.group == *group {
                let value = match asked.dimension {
                    Dimension::Group => group.clone(),
                    dimension => of_visit(dimension, self.visits.get(visit_id)),
                };
                add(value, at.div_euclid(DAY), None, Measures { clicks: 1, ..Measures::default() });
            }
        }
        for row in &self.conversions {
            let said = &row.said;
            let other_kind = asked.kind.as_ref().is_some_and(|kind| *kind != said.kind);
            let other_group = asked.group.as_ref().is_some_and(|group| *group != said.group);
            if row.attribution.state == State::Test || row.booked_under.is_some() || other_kind || other_group {
                continue;
            }
            let sale = row.sale_id.as_ref().and_then(|id| self.conversions.iter().find(|sale| sale.id == *id));
            let credited = sale.unwrap_or(row);
            let visit_id = credited.attribution.visit_id.as_deref();
            let value = said.value.map(|value| value.scaled().expect("in range"));
            let currency = said.currency.as_ref().map(|currency| currency.as_str().to_owned());
            let facts = match asked.dimension {
                Dimension::All => Some(None),
                Dimension::Group => Some(Some(said.group.clone())),
                Dimension::Product => {
                    Some(said.product_id.clone().or_else(|| sale.and_then(|sale| sale.said.product_id.clone())))
                }
                Dimension::Type => Some(Some(said.kind.clone())),
                Dimension::State => {
                    Some(Some(if visit_id.is_some() { "attributed" } else { "unattributed" }.to_owned()))
                }
                _ => None,
            };
            let day = row.at.div_euclid(DAY);
            let goes_back = said.transaction_type != TransactionType::Payment;
            match (facts, visit_id.and_then(|id| self.visits.get(id))) {
                (Some(value_of), _) => add(value_of, day, currency, counted(goes_back, WHOLE, value)),
                (None, None) => add(None, day, currency, counted(goes_back, WHOLE, value)),
                (None, Some(own)) => {
                    let recurs = credited.said.rebill.unwrap_or(credited.said.recurring);
                    let counted_at = if recurs { began(own) } else { credited.at };
                    for credit in self.credits(asked.model, counted_at, value, own) {
                        let value_of = of_visit(asked.dimension, self.visits.get(&credit.visit_id));
                        add(value_of, day, currency.clone(), counted(goes_back, credit.count, credit.value));
                    }
                }
            }
        }
        sums.retain(|_, measures| *measures != Measures::default());
        sums
    }

    fn credits(&self, model: Model, at: i64, value: Option<i64>, own: &Visit) -> Vec<credit::Credit> {
        let of_visitor = |visit: &&Visit| own.visitor_id.is_some() && visit.visitor_id == own.visitor_id;
        let touch = |visit: &Visit| Touch {
            at: began(visit),
            visit_id: visit.visit_id.clone(),
            direct: visit.source.is_empty() && visit.click_ids.is_empty(),
        };
        let touches: Vec<Touch> = self.visits.values().filter(of_visitor).map(touch).collect();
        credit::credits(model, &Case { at, value, visit_id: &own.visit_id }, &touches)
    }
}

fn began(visit: &Visit) -> i64 {
    visit.at.min(visit.received_at)
}

fn counted(goes_back: bool, count: i64, value: Option<i64>) -> Measures {
    let (money, unvalued) = (i128::from(value.unwrap_or(0)), if value.is_none() { count } else { 0 });
    match goes_back {
        true => Measures { refunds: count, unvalued, refunded: -money, ..Measures::default() },
        false => Measures { conversions: count, unvalued, gross: money, ..Measures::default() },
    }
}

fn of_visit(dimension: Dimension, visit: Option<&Visit>) -> Option<String> {
    let visit = visit?;
    match dimension {
        Dimension::ClickIds => {
            let names: Vec<&str> = visit.click_ids.keys().map(String::as_str).collect();
            Some(names.join(",")).filter(|names| !names.is_empty())
        }
        Dimension::LandingPage => {
            let path = visit.landing_page.strip_prefix("https://a.example").expect("a page of the site");
            Some(path.split('?').next().expect("a path").to_owned())
        }
        Dimension::Country => visit.country.clone(),
        Dimension::Device => visit.device.clone(),
        Dimension::All => None,
        dimension => visit.source.get(dimension.as_str()).cloned(),
    }
}

/// Holds the totals of every dimension, model and filter against a recount.
async fn holds(store: &SharedStore, site_id: &str) {
    let lists = Lists::of(store, site_id).await;
    for dimension in DIMENSIONS {
        for model in Model::ALL {
            let plain = asked(dimension, model);
            let first = START / DAY;
            let questions = [
                Asked { per_day: true, ..plain.clone() },
                Asked { into: Some("EUR".into()), ..plain.clone() },
                Asked { kind: Some("Purchase".into()), ..plain.clone() },
                Asked { group: Some("network".into()), into: Some("USD".into()), ..plain.clone() },
                Asked { from: first - 20, to: first + 35, ..plain.clone() },
                plain,
            ];
            for question in questions {
                let (told, recounted) = (totals(store, site_id, &question).await, lists.recount(&question));
                assert_eq!(told, recounted, "{question:?}");
            }
        }
    }
}

/// A visit of a visitor at a time, with a source or none.
fn arrival(number: u64, visitor: Option<&str>, at: i64, campaign: Option<&str>) -> ReceivedEvent {
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
fn clicked(arrival: &ReceivedEvent) -> ReceivedEvent {
    let mut event = outbound(&click(&arrival.event.visit_id, 7));
    event.event.visitor_id.clone_from(&arrival.event.visitor_id);
    event.event.landing = arrival.event.landing.clone();
    event.visit = arrival.visit.clone();
    event.event.at = arrival.event.at + 60_000;
    event.received_at = event.event.at;
    event
}

fn sub_id(number: u64) -> String {
    click(&visit(number), 7).to_string()
}

/// A postback that arrives at this time.
fn at(conversion: &Conversion, at: i64) -> ReceivedPostback {
    ReceivedPostback { received_at: at, ..postback(conversion) }
}

async fn booked(store: &SharedStore, site_id: &str, conversion: &Conversion, time: i64) {
    store.receive_postback(site_id, at(conversion, time)).await.expect("a postback is taken");
}

/// Campaign -> (conversions in millionths, gross, refunded).
async fn by_campaign(store: &SharedStore, site_id: &str, model: Model) -> BTreeMap<Option<String>, (i64, i128, i128)> {
    let mut found: BTreeMap<Option<String>, (i64, i128, i128)> = BTreeMap::new();
    for ((value, ..), sums) in totals(store, site_id, &asked(Dimension::UtmCampaign, model)).await {
        let row = found.entry(value).or_default();
        row.0 += sums.conversions;
        row.1 += sums.gross;
        row.2 += sums.refunded;
    }
    found.retain(|_, row| *row != (0, 0, 0));
    found
}

fn campaign(name: &str) -> Option<String> {
    Some(name.to_owned())
}

pub(crate) async fn a_sale_counts_where_its_visit_came_from(store: SharedStore) {
    let site_id = site(&store).await;
    let first = arrival(1, Some("anna"), START, Some("spring"));
    let click = clicked(&first);
    send(&store, &site_id, vec![first, click]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    fold_all(&store).await;
    let told = totals(&store, &site_id, &asked(Dimension::UtmCampaign, Model::Click)).await;
    let expected = [
        ((campaign("spring"), None, None), Measures { visits: 1, clicks: 1, ..Measures::default() }),
        (
            (campaign("spring"), None, Some("EUR".to_owned())),
            Measures { conversions: WHOLE, gross: 10_000_000, ..Measures::default() },
        ),
    ];
    assert_eq!(told, Sums::from(expected));
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
    fold_all(&store).await;
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
    fold_all(&store).await;
    let alone = BTreeMap::from([(campaign("second"), (WHOLE, 10_000_000, 0))]);
    assert_eq!(by_campaign(&store, &site_id, Model::Linear).await, alone);
    send(&store, &site_id, vec![arrival(1, Some("anna"), START, Some("first"))]).await;
    fold_all(&store).await;
    let half = (WHOLE / 2, 5_000_000, 0);
    let shared = BTreeMap::from([(campaign("first"), half), (campaign("second"), half)]);
    assert_eq!(by_campaign(&store, &site_id, Model::Linear).await, shared);
    holds(&store, &site_id).await;
}

pub(crate) async fn a_conversion_waits_under_no_campaign_until_its_visit_reports(store: SharedStore) {
    let site_id = site(&store).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    fold_all(&store).await;
    assert_eq!(by_campaign(&store, &site_id, Model::Click).await, BTreeMap::from([(None, (WHOLE, 10_000_000, 0))]));
    send(&store, &site_id, vec![arrival(1, Some("anna"), START, Some("spring"))]).await;
    fold_all(&store).await;
    assert_eq!(
        by_campaign(&store, &site_id, Model::Click).await,
        BTreeMap::from([(campaign("spring"), (WHOLE, 10_000_000, 0))])
    );
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
        if refund_first {
            booked(&store, &site_id, &back, START + 4 * DAY).await;
            fold_all(&store).await;
            booked(&store, &site_id, &bought, START + 2 * DAY).await;
        } else {
            booked(&store, &site_id, &bought, START + 2 * DAY).await;
            fold_all(&store).await;
            booked(&store, &site_id, &back, START + 4 * DAY).await;
        }
        fold_all(&store).await;
        let half = (WHOLE / 2, 5_000_000, 5_000_000);
        let shared = BTreeMap::from([(campaign("first"), half), (campaign("second"), half)]);
        assert_eq!(by_campaign(&store, &site_id, Model::Linear).await, shared, "refund first: {refund_first}");
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
        fold_all(&store).await;
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
    fold_all(&store).await;
    conversion.sent_at = Some(START);
    conversion.value = Some(crate::given::amount("12.34"));
    conversion.currency = Currency::parse("USD");
    booked(&store, &site_id, &conversion, START + 2 * DAY).await;
    fold_all(&store).await;
    let told = totals(&store, &site_id, &asked(Dimension::All, Model::Click)).await;
    let money = Measures { conversions: WHOLE, gross: 12_340_000, ..Measures::default() };
    assert_eq!(told, Sums::from([((None, None, Some("USD".to_owned())), money)]));
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
    fold_all(&store).await;
    let told = totals(&store, &site_id, &asked(Dimension::Type, Model::Click)).await;
    let money = Measures { conversions: WHOLE, gross: 10_000_000, ..Measures::default() };
    assert_eq!(told, Sums::from([((campaign("Purchase"), None, Some("EUR".to_owned())), money)]));
    holds(&store, &site_id).await;
}

pub(crate) async fn what_has_no_value_is_counted_and_told_apart(store: SharedStore) {
    let site_id = site(&store).await;
    let mut unknown = sale("t-1", None);
    unknown.value = None;
    booked(&store, &site_id, &unknown, START).await;
    fold_all(&store).await;
    let told = totals(&store, &site_id, &asked(Dimension::All, Model::Click)).await;
    let counted = Measures { conversions: WHOLE, unvalued: WHOLE, ..Measures::default() };
    assert_eq!(told, Sums::from([((None, None, Some("EUR".to_owned())), counted)]));
}

pub(crate) async fn days_end_at_midnight_utc(store: SharedStore) {
    let site_id = site(&store).await;
    send(&store, &site_id, vec![arrival(1, None, START - 1, None), arrival(2, None, START, None)]).await;
    booked(&store, &site_id, &sale("t-1", None), START - 1).await;
    booked(&store, &site_id, &sale("t-2", None), START).await;
    fold_all(&store).await;
    let first = START / DAY;
    for (from, to, count) in
        [(first - 1, first - 1, 1), (first, first, 1), (first - 1, first, 2), (first + 1, first + 1, 0)]
    {
        let question = Asked { from, to, ..asked(Dimension::All, Model::Click) };
        let (mut visits, mut conversions) = (0, 0);
        for sums in totals(&store, &site_id, &question).await.into_values() {
            visits += sums.visits;
            conversions += sums.conversions;
        }
        assert_eq!((visits, conversions), (count, count * WHOLE), "{from} to {to}");
    }
}

pub(crate) async fn sites_and_currencies_are_kept_apart(store: SharedStore) {
    let (one, other) = (site(&store).await, site(&store).await);
    for (site_id, code, transaction) in [(&one, "EUR", "t-1"), (&one, "USD", "t-2"), (&other, "EUR", "t-1")] {
        let mut conversion = sale(transaction, None);
        conversion.currency = Currency::parse(code);
        booked(&store, site_id, &conversion, START).await;
    }
    fold_all(&store).await;
    let key = |code: &str| (None, None, Some(code.to_owned()));
    let money = Measures { conversions: WHOLE, gross: 10_000_000, ..Measures::default() };
    let question = asked(Dimension::All, Model::Click);
    assert_eq!(totals(&store, &one, &question).await, Sums::from([(key("EUR"), money), (key("USD"), money)]));
    assert_eq!(totals(&store, &other, &question).await, Sums::from([(key("EUR"), money)]));
}

pub(crate) async fn folding_again_changes_nothing_and_says_what_is_left(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..5 {
        book(&store, &site_id, &sale(&format!("t-{number}"), None)).await;
    }
    let folded = store.fold(2).await.expect("folded");
    assert_eq!((folded.taken, folded.left), (2, 3));
    fold_all(&store).await;
    let question = Asked { to: 30_000, ..asked(Dimension::All, Model::Click) };
    let before = totals(&store, &site_id, &question).await;
    assert_eq!(before.values().map(|sums| sums.conversions).sum::<i64>(), 5 * WHOLE);
    let again = store.fold(1000).await.expect("folded");
    assert_eq!((again.taken, again.left), (0, 0));
    assert_eq!(totals(&store, &site_id, &question).await, before);
}

pub(crate) async fn amounts_as_large_as_can_be_do_not_stop_the_totals(store: SharedStore) {
    let site_id = site(&store).await;
    for number in 0..3 {
        let mut conversion = sale(&format!("t-{number}"), None);
        conversion.value = Some(crate::given::amount("9223372036854.775807"));
        booked(&store, &site_id, &conversion, START).await;
    }
    fold_all(&store).await;
    let told = totals(&store, &site_id, &asked(Dimension::All, Model::Click)).await;
    assert_eq!(told.values().map(|sums| sums.gross).sum::<i128>(), 3 * i128::from(i64::MAX));
}

/// One thing that happens in a random story.
#[derive(Debug, Clone)]
enum Happens {
    Visit(u64),
    Click(u64),
    Sale { transaction: u8, visit: u64, day: i64, variant: u8 },
    Refund { transaction: u8, visit: Option<u64>, day: i64, amount: u8 },
    Fold(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (0u64..12).prop_map(Happens::Visit),
        2 => (0u64..12).prop_map(Happens::Click),
        4 => (0u8..6, 0u64..14, 20i64..60, any::<u8>())
            .prop_map(|(transaction, visit, day, variant)| Happens::Sale { transaction, visit, day, variant }),
        2 => (0u8..6, prop::option::of(0u64..14), 20i64..90, 1u8..20)
            .prop_map(|(transaction, visit, day, amount)| Happens::Refund { transaction, visit, day, amount }),
        1 => (1usize..20).prop_map(Happens::Fold),
    ]
}

/// Visit of this number: always the same, of one of three visitors or of none.
fn random_arrival(number: u64) -> ReceivedEvent {
    let visitor = ["anna", "bob", "cleo"].get(number as usize % 4).copied();
    let campaign = [Some("spring"), None, Some("autumn")][number as usize % 3];
    let mut event = arrival(number, visitor, START + (number as i64 * 13 % 50) * DAY + number as i64, campaign);
    event.visit.bot = number.is_multiple_of(5);
    event.visit.country = (!number.is_multiple_of(2)).then(|| "AT".to_owned());
    if number.is_multiple_of(7) {
        event.event.landing.page = "https://a.example/offer?x=1".into();
    }
    event
}

fn random_sale(transaction: u8, visit: u64, day: i64, variant: u8) -> Conversion {
    let mut conversion = sale(&format!("t-{transaction}"), (visit < 13).then(|| sub_id(visit)).as_deref());
    conversion.sent_at = variant.is_multiple_of(3).then_some(START + day * DAY - 5);
    conversion.is_test = variant.is_multiple_of(11);
    conversion.rebill = (variant % 5 < 2).then_some(variant.is_multiple_of(5));
    conversion.recurring = variant.is_multiple_of(7);
    if conversion.is_test {
        conversion.identity.push_str("/test");
    }
    if variant.is_multiple_of(5) {
        conversion.value = None;
    }
    if variant.is_multiple_of(4) {
        conversion.currency = Currency::parse("USD");
    }
    if variant.is_multiple_of(9) {
        conversion.identity.push_str("/Upsell");
        conversion.kind = "Upsell".into();
        conversion.type_sent = Some("Upsell".into());
    }
    if variant.is_multiple_of(6) {
        conversion.group = "other".into();
        conversion.identity.push_str("/other");
    }
    conversion
}

pub(crate) async fn totals_equal_a_recount_of_the_lists_whatever_happened(store: SharedStore) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let story = prop::collection::vec(happens(), 1..50).new_tree(&mut runner).expect("a story").current();
        let site_id = site(&store).await;
        for step in &story {
            match step {
                Happens::Visit(number) => send(&store, &site_id, vec![random_arrival(*number)]).await,
                Happens::Click(number) => send(&store, &site_id, vec![clicked(&random_arrival(*number))]).await,
                Happens::Sale { transaction, visit, day, variant } => {
                    let conversion = random_sale(*transaction, *visit, *day, *variant);
                    booked(&store, &site_id, &conversion, START + day * DAY).await;
                }
                Happens::Refund { transaction, visit, day, amount } => {
                    let sub_id = visit.map(sub_id);
                    let back = refund(&format!("t-{transaction}"), sub_id.as_deref(), &format!("-{amount}.01"));
                    booked(&store, &site_id, &back, START + day * DAY).await;
                }
                Happens::Fold(limit) => drop(store.fold(*limit).await.expect("folded")),
            }
        }
        fold_all(&store).await;
        holds(&store, &site_id).await;
    }
}
