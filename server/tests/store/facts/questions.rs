//! Questions of every sort: of days of a zone, in one currency, of visitors, under conditions.

use super::{DAY, START, arrival, asked, booked, campaign, clicked, groups, revenue, sub_id, take_in_all};
use crate::given::{sale, send, site};
use std::sync::Arc;
use tagwerk_protocol::money::Currency;
use tagwerk_server::credit::{Model, WHOLE};
use tagwerk_server::rates::{DayRate, Rate, RateTable};
use tagwerk_server::store::SharedStore;
use tagwerk_server::store::facts::{Asked, Condition, Dimension, Visitors};

pub(crate) async fn days_begin_and_end_as_the_zone_says(store: SharedStore) {
    let site_id = site(&store).await;
    let quarter = 900_000;
    // Midnight in Kathmandu, a quarter to six before that of Greenwich.
    let midnight = START - 23 * quarter;
    for (number, time) in
        [(1, midnight - 1), (2, midnight), (3, midnight + 96 * quarter - 1), (4, midnight + 96 * quarter)]
    {
        send(&store, &site_id, vec![arrival(number, None, time, None)]).await;
    }
    take_in_all(&store).await;
    let zone = jiff::tz::TimeZone::get("Asia/Kathmandu").expect("a zone");
    let question = Asked { zone, ..asked(vec![Dimension::Day], Model::Click) };
    let days = groups(&store, &site_id, &question).await;
    let days: Vec<_> =
        days.into_iter().map(|(values, group)| (values[0].clone().expect("a day"), group.counts.visits)).collect();
    assert_eq!(days, [("2023-10-31".to_owned(), 1), ("2023-11-01".to_owned(), 2), ("2023-11-02".to_owned(), 1)]);
    let day = Asked { from: midnight, until: midnight + 96 * quarter, ..question };
    assert_eq!(groups(&store, &site_id, &day).await.into_values().map(|group| group.counts.visits).sum::<i64>(), 2);
}

pub(crate) async fn each_row_s_money_is_converted_at_the_rate_of_its_own_day(store: SharedStore) {
    let site_id = site(&store).await;
    let rate = |day: &str, rate: &str| DayRate {
        day: day.parse().expect("a day"),
        currency: Currency::parse("USD").expect("a currency"),
        rate: Rate::parse(rate).expect("a rate"),
    };
    let rates = Arc::new(RateTable::new([rate("2023-11-01", "1.25"), rate("2023-11-02", "3")]));
    for (number, code, time) in
        [(1, "USD", START), (2, "USD", START + DAY), (3, "USD", START + DAY), (4, "EUR", START), (5, "JPY", START)]
    {
        let mut conversion = sale(&format!("t-{number}"), None);
        conversion.currency = Currency::parse(code);
        booked(&store, &site_id, &conversion, time).await;
    }
    take_in_all(&store).await;
    let question = Asked { into: Currency::parse("EUR"), rates, ..asked(Vec::new(), Model::Click) };
    let told = groups(&store, &site_id, &question).await.into_values().next().expect("all of it");
    // 10 / 1.25 + 2 * 3.333333 + 10: each is rounded by itself.
    assert_eq!((told.converted, told.stale), (revenue(24_666_666), false));
    assert_eq!(told.not_converted, [Some("JPY".to_owned())]);
    let later = Asked { from: START + DAY, ..question };
    let told = groups(&store, &site_id, &later).await.into_values().next().expect("a day");
    assert_eq!((told.converted, told.not_converted), (revenue(6_666_666), Vec::new()));
}

pub(crate) async fn a_visitor_of_several_groups_counts_once_over_all(store: SharedStore) {
    let site_id = site(&store).await;
    for (number, visitor, name) in [
        (1, Some("anna"), "one"),
        (2, Some("anna"), "other"),
        (3, Some("bob"), "one"),
        (4, None, "one"),
        (5, None, "one"),
    ] {
        send(&store, &site_id, vec![arrival(number, visitor, START, Some(name))]).await;
    }
    take_in_all(&store).await;
    let question = asked(vec![Dimension::Utm("utm_campaign".into())], Model::Click);
    let found = store.groups(&site_id, question.clone()).await.expect("an answer");
    let count = |count| Some(Visitors { count, estimated: false });
    assert_eq!(found.visitors, count(4));
    let told = groups(&store, &site_id, &question).await;
    assert_eq!(
        [&told[&vec![campaign("one")]].visitors, &told[&vec![campaign("other")]].visitors],
        [&count(4), &count(1)]
    );
    let by_product = store.groups(&site_id, asked(vec![Dimension::Product], Model::Click)).await.expect("an answer");
    assert_eq!((by_product.visitors, by_product.groups.len()), (None, 0), "visits have no product");
}

pub(crate) async fn the_values_and_names_that_came_are_told(store: SharedStore) {
    let (site_id, other) = (site(&store).await, site(&store).await);
    for (number, name) in [(1, "one"), (2, "two"), (3, "three"), (4, "one")] {
        send(&store, &site_id, vec![arrival(number, None, START, Some(name))]).await;
    }
    let mut conversion = sale("t-1", None);
    conversion.custom = vec![("sid1".into(), "a".into())];
    booked(&store, &site_id, &conversion, START).await;
    take_in_all(&store).await;
    let (utm, custom) = (|name: &str| Dimension::Utm(name.to_owned()), |name: &str| Dimension::Custom(name.to_owned()));
    let values = async |site_id: &str, dimension, limit| store.values(site_id, dimension, limit).await.expect("values");
    assert_eq!(values(&site_id, utm("utm_campaign"), 9).await, ["one", "three", "two"]);
    assert_eq!(values(&site_id, utm("utm_campaign"), 2).await.len(), 2);
    assert_eq!(values(&site_id, custom("sid1"), 9).await, ["a"]);
    assert_eq!(values(&site_id, Dimension::State, 9).await, ["unattributed"]);
    assert!(
        values(&site_id, utm("utm_never"), 9).await.is_empty()
            && values(&other, utm("utm_campaign"), 9).await.is_empty()
    );
    let names = store.names(&site_id).await.expect("names");
    assert_eq!(names, [utm("utm_campaign"), utm("utm_source"), custom("sid1")]);
}

pub(crate) async fn a_condition_on_what_visits_do_not_have_leaves_none_in(store: SharedStore) {
    let site_id = site(&store).await;
    let first = arrival(1, Some("anna"), START, Some("spring"));
    let click = clicked(&first);
    send(&store, &site_id, vec![first, click]).await;
    booked(&store, &site_id, &sale("t-1", Some(&sub_id(1))), START + DAY).await;
    take_in_all(&store).await;
    for (dimension, values, expected) in [
        (Dimension::Group, vec![Some("network".to_owned())], (0, 1, WHOLE)),
        (Dimension::Product, vec![Some("product".to_owned()), None], (0, 0, WHOLE)),
        (Dimension::Utm("utm_campaign".into()), vec![None], (0, 0, 0)),
        (Dimension::Utm("utm_never".into()), vec![None], (1, 1, WHOLE)),
    ] {
        let condition = Condition { dimension, values };
        let question = Asked { conditions: vec![condition], ..asked(Vec::new(), Model::Click) };
        let counts = groups(&store, &site_id, &question).await.into_values().next().unwrap_or_default().counts;
        assert_eq!((counts.visits, counts.clicks, counts.conversions), expected, "{question:?}");
    }
}
