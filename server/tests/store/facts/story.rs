//! Random stories, and random questions about them.

use super::recount::Lists;
use super::{DAY, START, arrival, asked, booked, clicked, sub_id, take_in_all};
use crate::given::{amount, id, postbacks, refund, sale, send, site, with_content};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::sync::Arc;
use tagwerk_protocol::conversion::Conversion;
use tagwerk_protocol::money::Currency;
use tagwerk_server::credit::{Model, WHOLE};
use tagwerk_server::rates::{DayRate, Rate, RateTable};
use tagwerk_server::store::facts::{Asked, Behind, Condition, Dimension, Group};
use tagwerk_server::store::{ReceivedEvent, Rereading, Said, SharedStore};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happens {
    Visit(u64),
    Click(u64),
    Sale {
        transaction: u8,
        visit: u64,
        day: i64,
        variant: u8,
    },
    Refund {
        transaction: u8,
        visit: Option<u64>,
        day: i64,
        amount: u8,
    },
    /// A postback is corrected by hand.
    Correction {
        which: Index,
        transaction: u8,
        visit: u64,
        variant: u8,
    },
    TakenIn(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (0u64..12).prop_map(Happens::Visit),
        2 => (0u64..12).prop_map(Happens::Click),
        4 => (0u8..6, 0u64..14, 20i64..60, any::<u8>())
            .prop_map(|(transaction, visit, day, variant)| Happens::Sale { transaction, visit, day, variant }),
        2 => (0u8..6, prop::option::of(0u64..14), 20i64..90, 1u8..20)
            .prop_map(|(transaction, visit, day, amount)| Happens::Refund { transaction, visit, day, amount }),
        1 => (any::<Index>(), 0u8..6, 0u64..14, any::<u8>()).prop_map(|(which, transaction, visit, variant)| {
            Happens::Correction { which, transaction, visit, variant }
        }),
        1 => (1usize..20).prop_map(Happens::TakenIn),
    ]
}

/// Visit of this number: always the same, of one of three visitors or of none.
fn random_arrival(number: u64) -> ReceivedEvent {
    let visitor = ["anna", "bob", "cleo"].get(number as usize % 4).copied();
    let campaign = [Some("spring"), None, Some("autumn")][number as usize % 3];
    let time = START + (number as i64 * 13 % 50) * DAY + number as i64 * 7_654_321 % DAY;
    let mut event = arrival(number, visitor, time, campaign);
    event.visit.bot = number.is_multiple_of(5);
    event.visit.country = (!number.is_multiple_of(2)).then(|| "AT".to_owned());
    if number.is_multiple_of(7) {
        event.event.landing.page = "https://a.example/offer?x=1".into();
        event.visit.source.insert("utm_id".into(), number.to_string());
    }
    if number.is_multiple_of(4) {
        event.event.landing.referrer.clear();
    }
    if !number.is_multiple_of(3) {
        event.visit.cost = Some((250_001 * number as i64, ["EUR", "USD", "JPY"][number as usize % 3].to_owned()));
    }
    event
}

fn random_sale(transaction: u8, visit: u64, day: i64, variant: u8) -> Conversion {
    let mut conversion = sale(&format!("t-{transaction}"), (visit < 13).then(|| sub_id(visit)).as_deref());
    conversion.sent_at = variant.is_multiple_of(3).then_some(START + day * DAY - 5);
    conversion.is_test = variant.is_multiple_of(11);
    conversion.rebill = (variant % 5 < 2).then_some(variant.is_multiple_of(5));
    conversion.recurring = variant.is_multiple_of(7);
    conversion.order_type = variant.is_multiple_of(2).then(|| "upsell".to_owned());
    conversion.billing_type = (!variant.is_multiple_of(3)).then(|| "subscription".to_owned());
    conversion.billing_status = variant.is_multiple_of(4).then(|| "paying".to_owned());
    if variant % 3 < 2 {
        conversion.custom = vec![("sid1".into(), format!("s{}", variant % 3)), ("campaignkey".into(), "key".into())];
    }
    conversion.amounts.affiliate = (variant % 4 < 3).then(|| amount(&format!("{}.37", variant % 16)));
    if conversion.is_test {
        conversion.identity.push_str("/test");
    }
    if variant.is_multiple_of(5) {
        conversion.value = None;
    }
    match variant % 8 {
        0 => conversion.currency = Currency::parse("USD"),
        1 => conversion.currency = None,
        2 => conversion.currency = Currency::parse("JPY"),
        _ => {}
    }
    if variant.is_multiple_of(9) {
        conversion.identity.push_str("/Upsell");
        conversion.kind = "Upsell".into();
        conversion.type_sent = Some("Upsell".into());
        if variant.is_multiple_of(2) {
            conversion.value = Some(amount("0.00"));
        }
    } else if variant.is_multiple_of(13) {
        conversion.kind = "Lead".into();
    }
    if variant.is_multiple_of(6) {
        conversion.group = "other".into();
        conversion.identity.push_str("/other");
    }
    conversion
}

async fn happen(store: &SharedStore, site_id: &str, step: &Happens) {
    match step {
        Happens::Visit(number) => send(store, site_id, vec![random_arrival(*number)]).await,
        Happens::Click(number) => {
            let mut click = clicked(&random_arrival(*number));
            if let Some(click) = click.event.click.as_mut().filter(|_| number.is_multiple_of(3)) {
                click.href = click.href.replace("offer", "other");
                click.group = None;
            }
            send(store, site_id, vec![click]).await;
        }
        Happens::Sale { transaction, visit, day, variant } => {
            let conversion = random_sale(*transaction, *visit, *day, *variant);
            booked(store, site_id, &conversion, START + day * DAY + i64::from(*variant) * 300_000).await;
        }
        Happens::Refund { transaction, visit, day, amount } => {
            let sub_id = visit.map(sub_id);
            let mut back = refund(&format!("t-{transaction}"), sub_id.as_deref(), &format!("-{amount}.01"));
            back.product_id = (!amount.is_multiple_of(2)).then(|| "other product".to_owned());
            booked(store, site_id, &back, START + day * DAY).await;
        }
        Happens::Correction { which, transaction, visit, variant } => {
            let all = postbacks(store, site_id).await;
            if !all.is_empty() {
                let conversion = with_content(&random_sale(*transaction, *visit, 30, *variant));
                let rereading = Rereading {
                    postback_id: which.get(&all).id.clone(),
                    before: None,
                    corrections: Some(vec![*variant]),
                    said: Ok(Said::Conversion { conversion_id: id(), conversion: Box::new(conversion) }),
                };
                store.reread(site_id, rereading).await.expect("read again");
            }
        }
        Happens::TakenIn(limit) => drop(store.take_in(*limit).await.expect("taken in")),
    }
}

fn dimensions() -> Vec<Dimension> {
    use Dimension::*;
    let named = ["utm_source", "utm_campaign", "utm_id", "utm_never"].map(|name| Utm(name.to_owned()));
    let custom = ["sid1", "campaignkey", "sid5"].map(|name| Custom(name.to_owned()));
    let plain = [
        ClickIds,
        Referrer,
        LandingPage,
        Country,
        Device,
        Page,
        Link,
        Group,
        Product,
        Type,
        TransactionType,
        OrderType,
        BillingType,
        BillingStatus,
        State,
        Hour,
        Weekday,
        Day,
        Week,
        Month,
    ];
    named.into_iter().chain(custom).chain(plain).collect()
}

/// Dollars from the second day of the stories on, with a gap of weeks; pounds, which nothing is sent in, all the time; no yen.
fn rates() -> Arc<RateTable> {
    let first: jiff::civil::Date = "2023-11-01".parse().expect("a date");
    let row = |day: i64, code: &str, rate: &str| DayRate {
        day: first.checked_add(jiff::Span::new().days(day)).expect("a day"),
        currency: Currency::parse(code).expect("a currency"),
        rate: Rate::parse(rate).expect("a rate"),
    };
    Arc::new(RateTable::new([
        row(-30, "GBP", "0.87123"),
        row(1, "USD", "1.0577"),
        row(20, "USD", "1.0931"),
        row(22, "GBP", "0.8689"),
        row(55, "USD", "1.105"),
    ]))
}

/// A question but for the values of its conditions, which are chosen from those that there are.
type Drawn = (Vec<Dimension>, Vec<(Dimension, Vec<Index>)>, (usize, usize), &'static str, Model, Option<&'static str>);

fn drawn() -> impl Strategy<Value = Drawn> {
    let condition = (prop::sample::select(dimensions()), prop::collection::vec(any::<Index>(), 1..3));
    (
        prop::sample::subsequence(dimensions(), 0..4).prop_shuffle(),
        prop::collection::vec(condition, 0..3),
        prop_oneof![Just((0, 96 * 200)), (0usize..96 * 60, 1usize..96 * 60)],
        prop::sample::select(vec!["UTC", "Europe/Vienna", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]),
        prop::sample::select(Model::ALL.to_vec()),
        prop::sample::select(vec![None, Some("EUR"), Some("USD"), Some("GBP")]),
    )
}

fn question(drawn: Drawn, lists: &Lists) -> Asked {
    let (by, conditions, (from, quarters), zone, model, into) = drawn;
    let zone = jiff::tz::TimeZone::get(zone).expect("a zone");
    let from = START - 2 * DAY + from as i64 * 900_000;
    let plain = Asked {
        from,
        until: from + quarters as i64 * 900_000,
        zone,
        into: into.and_then(Currency::parse),
        rates: rates(),
        ..asked(by, model)
    };
    let conditions = conditions.into_iter().map(|(dimension, chosen)| {
        let mut known = lists.values(&dimension, &plain);
        known.push(Some("what never was".to_owned()));
        Condition { values: chosen.iter().map(|index| index.get(&known).clone()).collect(), dimension }
    });
    Asked { conditions: conditions.collect(), ..plain }
}

/// Holds an answer against a recount.
async fn is_answered(store: &SharedStore, site_id: &str, asked: &Asked, lists: &Lists) {
    let found = store.groups(site_id, asked.clone()).await.expect("an answer");
    let recounted = lists.groups(asked);
    let sorted = |groups: Vec<Group>| {
        let count = groups.len();
        let map: BTreeMap<_, _> = groups.into_iter().map(|group| (group.values.clone(), group)).collect();
        assert_eq!(map.len(), count, "each combination of values stands once");
        map
    };
    assert_eq!(sorted(found.groups), sorted(recounted.groups), "{asked:?}");
    assert_eq!(found.visitors, recounted.visitors, "{asked:?}");
}

/// Holds the rows behind every figure against a recount and against the figures, read in parts.
async fn is_backed(store: &SharedStore, site_id: &str, asked: &Asked, lists: &Lists) {
    use Behind::*;
    let every = [Visits, Bots, Paid, Clicks, Conversions, Leads, Sales, Returns, Refunds, Chargebacks, Money, Unvalued];
    let everything = Asked { by: Vec::new(), ..asked.clone() };
    let total = store.groups(site_id, everything).await.expect("an answer").groups.pop().unwrap_or_default();
    for of in every {
        let (mut rows, mut before) = (Vec::new(), None);
        let expected = lists.behind(asked, of);
        let count = loop {
            let part = store.rows_behind(site_id, asked.clone(), of, before, 3).await.expect("rows");
            assert_eq!(part.total, expected.len() as u64, "{of:?} {asked:?}");
            let Some(last) = part.rows.last() else { break part.count };
            before = Some(last.id.clone());
            rows.extend(part.rows);
        };
        assert!(rows.is_sorted_by(|one, other| one.id > other.id), "newest first");
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        let shown: Vec<String> = match of {
            Visits | Bots | Paid => {
                let visits = store.visits_of_rows(site_id, &ids).await.expect("visits");
                visits.into_iter().map(|visit| visit.visit_id).collect()
            }
            Clicks => {
                let clicks = store.clicks_of_rows(site_id, &ids).await.expect("clicks");
                clicks.into_iter().map(|click| click.click_id).collect()
            }
            _ => ids,
        };
        assert_eq!(shown.len(), rows.len());
        let sums: Vec<[i64; 3]> = rows.iter().map(|row| [row.count, row.value, row.commission]).collect();
        let told: BTreeMap<String, [i64; 3]> = shown.into_iter().zip(sums.iter().copied()).collect();
        assert_eq!(told, expected, "{of:?} {asked:?}");

        let [counted, valued, earned] =
            sums.iter().fold([0i128; 3], |all, more| std::array::from_fn(|index| all[index] + i128::from(more[index])));
        assert_eq!(i128::from(count), counted, "{of:?}: what all of them count for is said with each part");
        let counts = total.counts;
        let figure = match of {
            Visits => counts.visits * WHOLE,
            Bots => counts.bots * WHOLE,
            Clicks => counts.clicks * WHOLE,
            Conversions => counts.conversions,
            Leads => counts.leads,
            Sales => counts.sales,
            Returns => counts.refunds + counts.chargebacks,
            Refunds => counts.refunds,
            Chargebacks => counts.chargebacks,
            Money => counts.conversions + counts.refunds + counts.chargebacks,
            Unvalued => counts.unvalued,
            Paid => i64::try_from(counted).expect("few"),
        };
        assert_eq!(counted, i128::from(figure), "{of:?}: what is counted is what stands behind it {asked:?}");
        let money = total.amounts.values().fold(tagwerk_server::store::facts::Money::default(), |mut all, more| {
            all += *more;
            all
        });
        match of {
            Paid => assert_eq!(valued, money.cost, "{asked:?}"),
            Conversions => assert_eq!(valued, money.revenue, "{asked:?}"),
            Returns => assert_eq!(-valued, money.refunded, "{asked:?}"),
            Money => assert_eq!((valued, earned), (money.net(), money.commission), "{asked:?}"),
            Unvalued => assert_eq!(valued, 0, "{asked:?}"),
            _ => {}
        }
    }
}

pub(crate) async fn answers_equal_a_recount_of_the_lists_whatever_happened(store: SharedStore) {
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let steps = prop::collection::vec(happens(), 1..60).new_tree(&mut runner).expect("a story").current();
        let site_id = site(&store).await;
        for step in &steps {
            happen(&store, &site_id, step).await;
        }
        take_in_all(&store).await;
        let lists = Lists::of(&store, &site_id).await;
        for dimension in dimensions() {
            let model = Model::ALL[steps.len() % Model::ALL.len()];
            let question = Asked { rates: rates(), into: Currency::parse("EUR"), ..asked(vec![dimension], model) };
            is_answered(&store, &site_id, &question, &lists).await;
        }
        for number in 0..60 {
            let drawn = drawn().new_tree(&mut runner).expect("a question").current();
            let question = question(drawn, &lists);
            is_answered(&store, &site_id, &question, &lists).await;
            if number % 6 == 0 {
                is_backed(&store, &site_id, &question, &lists).await;
            }
        }
    }
}
