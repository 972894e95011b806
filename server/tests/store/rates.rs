//! The euro's reference rates.

use crate::given::NOW;
use jiff::civil::{Date, date};
use tagwerk_protocol::money::{Amount, Currency};
use tagwerk_server::rates::{DayRate, Rate, RateTable};
use tagwerk_server::store::{KeptRates, RateDay, SharedStore};

const THURSDAY: Date = date(2024, 6, 27);
const FRIDAY: Date = date(2024, 6, 28);
const MONDAY: Date = date(2024, 7, 1);
const TUESDAY: Date = date(2024, 7, 2);

fn rate(day: Date, code: &str, rate: &str) -> DayRate {
    DayRate { day, currency: Currency::parse(code).expect("a code"), rate: Rate::parse(rate).expect("a rate") }
}

async fn keep(store: &SharedStore, rates: &[DayRate], source: &str, now: i64) -> KeptRates {
    store.keep_rates(rates.to_vec(), source, now).await.expect("kept")
}

/// What is kept of these days, as `day code rate`, in no order of its own.
async fn told(store: &SharedStore, from: Date, to: Date) -> Vec<String> {
    let rates = store.rates_between(from, to).await.expect("read");
    let mut told: Vec<String> = rates.iter().map(|row| format!("{} {} {}", row.day, row.currency, row.rate)).collect();
    told.sort();
    told
}

pub(crate) async fn rates_are_kept_as_they_were_published(store: SharedStore) {
    let rates = [rate(FRIDAY, "HUF", "395.10"), rate(FRIDAY, "USD", "1.0705"), rate(FRIDAY, "IDR", "17487")];
    assert_eq!(keep(&store, &rates, "a", NOW).await, KeptRates { added: 3, changed: 0 });
    assert_eq!(
        told(&store, FRIDAY, FRIDAY).await,
        ["2024-06-28 HUF 395.10", "2024-06-28 IDR 17487", "2024-06-28 USD 1.0705"]
    );
}

pub(crate) async fn the_same_rates_again_change_nothing(store: SharedStore) {
    let rates = [rate(THURSDAY, "USD", "1.0696"), rate(FRIDAY, "USD", "1.0705")];
    keep(&store, &rates, "first", NOW).await;
    assert_eq!(keep(&store, &rates, "second", NOW + 1).await, KeptRates::default());
    assert_eq!(told(&store, THURSDAY, FRIDAY).await, ["2024-06-27 USD 1.0696", "2024-06-28 USD 1.0705"]);
    let days = store.rate_days(THURSDAY, FRIDAY).await.expect("read");
    assert!(days.iter().all(|day| day.source == "first" && day.received_at == NOW), "{days:?}");
}

pub(crate) async fn a_corrected_rate_takes_the_place_of_the_one_before(store: SharedStore) {
    keep(&store, &[rate(FRIDAY, "USD", "1.0705"), rate(FRIDAY, "JPY", "171.94")], "first", NOW).await;
    let kept = keep(&store, &[rate(FRIDAY, "USD", "1.0706"), rate(FRIDAY, "GBP", "0.84638")], "second", NOW + 1).await;
    assert_eq!(kept, KeptRates { added: 1, changed: 1 });
    assert_eq!(
        told(&store, FRIDAY, FRIDAY).await,
        ["2024-06-28 GBP 0.84638", "2024-06-28 JPY 171.94", "2024-06-28 USD 1.0706"]
    );
    let newest = store.newest_rate_day().await.expect("read");
    assert_eq!(newest, Some(RateDay { day: FRIDAY, source: "second".into(), received_at: NOW + 1 }));
}

pub(crate) async fn a_part_of_the_days_comes_with_the_last_rate_before(store: SharedStore) {
    let rates = [
        rate(date(2022, 3, 1), "RUB", "117.2010"),
        rate(THURSDAY, "USD", "1.0696"),
        rate(FRIDAY, "USD", "1.0705"),
        rate(MONDAY, "USD", "1.0745"),
        rate(TUESDAY, "USD", "1.0737"),
        rate(TUESDAY, "XAA", "2"),
    ];
    keep(&store, &rates, "a", NOW).await;
    assert_eq!(
        told(&store, date(2024, 6, 30), MONDAY).await,
        ["2022-03-01 RUB 117.2010", "2024-06-28 USD 1.0705", "2024-07-01 USD 1.0745"]
    );
    assert_eq!(told(&store, MONDAY, MONDAY).await, ["2022-03-01 RUB 117.2010", "2024-07-01 USD 1.0745"]);
    assert_eq!(told(&store, date(2020, 1, 1), date(2021, 1, 1)).await, [""; 0]);
}

pub(crate) async fn a_part_of_the_days_answers_as_all_of_them_do(store: SharedStore) {
    let mut rates = Vec::new();
    for (number, day) in THURSDAY.series(jiff::ToSpan::day(1)).take(20).enumerate() {
        for (code, every) in [("USD", 1), ("JPY", 3), ("GBP", 7)] {
            if number % every == 0 {
                rates.push(rate(day, code, &format!("1.{number:02}")));
            }
        }
    }
    keep(&store, &rates, "a", NOW).await;
    let all = RateTable::new(rates);
    let amount = Amount::parse("100.00").expect("an amount");
    let codes = ["EUR", "USD", "JPY", "GBP"].map(|code| Currency::parse(code).expect("a code"));
    for (from, to) in [(FRIDAY, FRIDAY), (date(2024, 7, 5), date(2024, 7, 9)), (THURSDAY, date(2024, 8, 1))] {
        let part = RateTable::new(store.rates_between(from, to).await.expect("read"));
        for day in from.series(jiff::ToSpan::day(1)).take_while(|day| *day <= to) {
            for (one, other) in codes.iter().flat_map(|one| codes.iter().map(move |other| (one, other))) {
                assert_eq!(
                    part.convert(amount, one, other, day),
                    all.convert(amount, one, other, day),
                    "{one} {other} {day}"
                );
            }
        }
    }
}

pub(crate) async fn the_days_that_have_rates_are_told_oldest_first(store: SharedStore) {
    assert_eq!(store.newest_rate_day().await.expect("read"), None);
    for day in [MONDAY, THURSDAY, FRIDAY] {
        keep(&store, &[rate(day, "USD", "1.07")], "a", NOW).await;
    }
    let days = store.rate_days(FRIDAY, TUESDAY).await.expect("read");
    assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), [FRIDAY, MONDAY]);
    assert_eq!(store.newest_rate_day().await.expect("read").map(|day| day.day), Some(MONDAY));
}
