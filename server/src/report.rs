//! A report: what is asked for, and what the totals say to it. Pure.
//!
//! Money is summed per currency as it was sent, and besides in the currency of the report, each day's money at that day's rate. What no
//! rate is known for is told and left out there, never guessed. The totals are the sum of the rows, to the last digit.

mod question;

pub use question::{BY, Column, DAY, Question};

use crate::credit::WHOLE;
use crate::rates::RateTable;
use crate::store::{Day, Dimension, Measures, Total};
use jiff::civil::Date;
use question::date_of;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::clicks::Clicks;
use tagwerk_protocol::money::{Amount, Currency, SCALE};

/// 10^-6 of money and millionths of a conversion in one.
const UNIT: u128 = WHOLE as u128;

/// Money in one currency, in 10^-6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// What was paid.
    pub gross: i128,
    /// What went back, as a magnitude.
    pub refunded: i128,
}

impl Sums {
    /// What is left.
    pub fn net(self) -> i128 {
        self.gross - self.refunded
    }

    fn add(&mut self, other: Self) {
        self.gross += other.gross;
        self.refunded += other.refunded;
    }
}

/// One row, or the totals of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// The dimension's value; `None` where there is none.
    pub value: Option<String>,
    /// The day, if rows are told apart by it.
    pub day: Option<Date>,
    /// What is counted; the money is in `amounts`.
    pub counts: Measures,
    /// Money as it was sent, by currency; under `None` what came without one.
    pub amounts: BTreeMap<Option<String>, Sums>,
    /// All of it in the report's currency, as far as rates are known.
    pub converted: Sums,
    /// Currencies of money that is not in `converted`, since no rate is known.
    pub not_converted: BTreeSet<Option<String>>,
    /// Whether a rate was used that is older than it should be.
    pub stale: bool,
}

impl Row {
    /// Conversions per click, in millionths.
    pub fn conversion_rate(&self) -> Option<i128> {
        ratio(i128::from(self.counts.conversions), self.counts.clicks)
    }

    /// What is left of the money per click, in 10^-6 of the report's currency; `None` where not all of it is known in that.
    pub fn earnings_per_click(&self) -> Option<i128> {
        ratio(self.converted.net(), self.counts.clicks).filter(|_| self.not_converted.is_empty())
    }

    fn add(&mut self, other: &Self) {
        self.counts += other.counts;
        for (currency, sums) in &other.amounts {
            self.amounts.entry(currency.clone()).or_default().add(*sums);
        }
        self.converted.add(other.converted);
        self.not_converted.extend(other.not_converted.iter().cloned());
        self.stale |= other.stale;
    }

    fn is_empty(&self) -> bool {
        let nothing = |sums: &Sums| *sums == Sums::default();
        self.counts == Measures::default() && self.amounts.values().all(nothing)
    }
}

/// The nearest integer, away from zero where two are as near.
fn ratio(dividend: i128, divisor: i64) -> Option<i128> {
    let divisor = i128::from(divisor);
    (divisor > 0).then(|| (2 * dividend + divisor * dividend.signum()) / (2 * divisor))
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its currency: that asked for, or else the only one there is.
    pub currency: Option<String>,
    /// The rows, sorted, as many as were asked for.
    pub rows: Vec<Row>,
    /// How many more rows there are.
    pub left_out: usize,
    /// The sum of all rows, those left out among them.
    pub totals: Row,
}

/// Makes a report of the totals that its question asks for.
pub fn report(question: &Question, found: Vec<Total>, rates: &RateTable, clicks: &Clicks) -> Report {
    let currency = question.currency.as_ref().map(|currency| currency.as_str().to_owned());
    let currency = currency.or_else(|| only_currency(&found));
    let target = currency.as_deref().and_then(Currency::parse);
    let mut rows: BTreeMap<(Option<Day>, Option<String>), Row> = BTreeMap::new();
    for total in found {
        let value = match question.by {
            Dimension::ClickIds => total.value.map(|names| platforms(&names, clicks)),
            _ => total.value,
        };
        let day = total.day.filter(|_| question.per_day);
        let row = rows.entry((day, value.clone())).or_default();
        row.value = value;
        row.day = day.and_then(date_of);
        let sums = Sums { gross: total.measures.gross, refunded: total.measures.refunded };
        row.counts += Measures { gross: 0, refunded: 0, ..total.measures };
        if sums == Sums::default() {
            continue;
        }
        match converted(sums, total.currency.as_deref(), target.as_ref(), total.day, rates) {
            Some((sums, stale)) => {
                row.converted.add(sums);
                row.stale |= stale;
            }
            None => drop(row.not_converted.insert(total.currency.clone())),
        }
        row.amounts.entry(total.currency).or_default().add(sums);
    }
    let mut rows: Vec<Row> = rows.into_values().filter(|row| !row.is_empty()).collect();
    let mut totals = Row::default();
    for row in &rows {
        totals.add(row);
    }
    rows.sort_by(|one, other| order(one, other, question.sort));
    let left_out = rows.len().saturating_sub(question.limit);
    rows.truncate(question.limit);
    Report { currency, rows, left_out, totals }
}

/// The currency of all money there is, if it is one.
fn only_currency(found: &[Total]) -> Option<String> {
    let has_money = |total: &&Total| total.measures.gross != 0 || total.measures.refunded != 0;
    let mut currencies = found.iter().filter(has_money).map(|total| &total.currency);
    let first = currencies.next()?;
    currencies.all(|other| other == first).then(|| first.clone())?
}

fn converted(
    sums: Sums,
    from: Option<&str>,
    to: Option<&Currency>,
    day: Option<Day>,
    rates: &RateTable,
) -> Option<(Sums, bool)> {
    let (from, to) = (Currency::parse(from?)?, to?);
    if from == *to {
        return Some((sums, false));
    }
    let day = date_of(day?)?;
    let mut is_stale = false;
    let mut convert = |money: i128| {
        let amount = Amount::from_scaled(i64::try_from(money).ok()?, SCALE);
        let found = rates.convert(amount, &from, to, day)?;
        is_stale |= found.stale;
        found.amount.scaled().map(i128::from)
    };
    let sums = Sums { gross: convert(sums.gross)?, refunded: convert(sums.refunded)? };
    Some((sums, is_stale))
}

/// The ad platforms of these click ids' parameters; a visit may have click ids of several.
fn platforms(names: &str, clicks: &Clicks) -> String {
    let platform = |name| clicks.click.iter().find(|row| row.param == name).map_or(name, |row| row.platform.as_str());
    let platforms: BTreeSet<&str> = names.split(',').map(platform).collect();
    platforms.into_iter().collect::<Vec<_>>().join("+")
}

/// By the column asked for, then by day, by what is left of the money, by how much there was of it, and by name; what has no name last.
fn order(one: &Row, other: &Row, (column, descending): (Column, bool)) -> Ordering {
    let name = |row: &Row| (row.value.is_none(), row.value.clone());
    let first = match column {
        Column::Value => name(one).cmp(&name(other)),
        Column::Day => one.day.cmp(&other.day),
        Column::Visits => one.counts.visits.cmp(&other.counts.visits),
        Column::Clicks => one.counts.clicks.cmp(&other.counts.clicks),
        Column::Conversions => one.counts.conversions.cmp(&other.counts.conversions),
        Column::Refunds => one.counts.refunds.cmp(&other.counts.refunds),
        Column::Gross => one.converted.gross.cmp(&other.converted.gross),
        Column::Refunded => one.converted.refunded.cmp(&other.converted.refunded),
        Column::Net => one.converted.net().cmp(&other.converted.net()),
    };
    let weight = |row: &Row| (row.converted.net(), row.counts.conversions, row.counts.clicks, row.counts.visits);
    (if descending { first.reverse() } else { first })
        .then_with(|| one.day.cmp(&other.day))
        .then_with(|| weight(other).cmp(&weight(one)))
        .then_with(|| name(one).cmp(&name(other)))
}

/// Millionths as a decimal with at least so many digits behind the point.
pub fn decimal(millionths: i128, least: usize) -> String {
    let magnitude = millionths.unsigned_abs();
    let fraction = format!("{:06}", magnitude % UNIT);
    let kept = fraction.trim_end_matches('0').len().max(least.min(fraction.len()));
    let fraction = fraction.get(..kept).unwrap_or_default();
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if millionths < 0 { "-" } else { "" };
    format!("{sign}{}{point}{fraction}", magnitude / UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credit::Model;
    use crate::rates::{DayRate, Rate};
    use jiff::civil::date;
    use proptest::prelude::*;

    /// 2026-01-01.
    const FIRST: Day = 20_454;

    fn question(query: &str) -> Question {
        let pairs: Vec<(String, String)> = tagwerk_protocol::form::pairs(query).collect();
        Question::read(&pairs, date(2026, 1, 31), None).expect("a question")
    }

    fn total(value: Option<&str>, day: Option<Day>, currency: Option<&str>, gross: i128, refunded: i128) -> Total {
        let measures = Measures { conversions: WHOLE, gross, refunded, ..Measures::default() };
        Total { value: value.map(str::to_owned), day, currency: currency.map(str::to_owned), measures }
    }

    fn clicks_of(value: Option<&str>, clicks: i64) -> Total {
        let measures = Measures { visits: 2 * clicks, clicks, ..Measures::default() };
        Total { value: value.map(str::to_owned), day: None, currency: None, measures }
    }

    fn rates() -> RateTable {
        let row = |day, rate| DayRate {
            day,
            currency: Currency::parse("USD").expect("a code"),
            rate: Rate::parse(rate).expect("a rate"),
        };
        RateTable::new([row(date(2026, 1, 1), "1.25"), row(date(2026, 1, 2), "1.6")])
    }

    fn table() -> Clicks {
        crate::groups::clicks().expect("the table")
    }

    fn made(query: &str, totals: Vec<Total>) -> Report {
        report(&question(query), totals, &rates(), &table())
    }

    #[test]
    fn each_day_s_money_is_converted_at_that_day_s_rate() {
        let totals = vec![
            total(Some("a"), None, Some("EUR"), 1_000_000, 0),
            total(Some("a"), Some(FIRST), Some("USD"), 10_000_000, 5_000_000),
            total(Some("a"), Some(FIRST + 1), Some("USD"), 16_000_000, 0),
        ];
        let report = made("by=utm_campaign&currency=EUR", totals);
        let [row] = report.rows.as_slice() else { panic!("{report:?}") };
        assert_eq!(row.converted, Sums { gross: 19_000_000, refunded: 4_000_000 });
        assert_eq!(row.amounts[&Some("USD".to_owned())], Sums { gross: 26_000_000, refunded: 5_000_000 });
        assert_eq!((row.not_converted.len(), row.stale), (0, false));
    }

    #[test]
    fn money_without_a_rate_is_told_and_left_out() {
        let totals = vec![
            total(None, None, Some("EUR"), 1_000_000, 0),
            total(None, Some(FIRST - 1), Some("USD"), 1_000_000, 0),
            total(None, Some(FIRST), Some("XAU"), 1_000_000, 0),
            total(None, None, None, 1_000_000, 0),
        ];
        let report = made("by=state&currency=EUR", totals);
        assert_eq!(report.totals.converted.gross, 1_000_000);
        let told: Vec<Option<&str>> = report.totals.not_converted.iter().map(Option::as_deref).collect();
        assert_eq!(told, [None, Some("USD"), Some("XAU")]);
        assert_eq!(report.totals.earnings_per_click(), None);
    }

    #[test]
    fn a_rate_that_is_older_than_it_should_be_is_told() {
        let report = made("by=state&currency=EUR", vec![total(None, Some(FIRST + 20), Some("USD"), 16, 0)]);
        assert_eq!((report.totals.converted.gross, report.totals.stale), (10, true));
    }

    #[test]
    fn the_only_currency_there_is_is_the_report_s_if_none_is_asked_for() {
        let one = total(Some("a"), None, Some("USD"), 5, 0);
        let report = made("by=utm_term", vec![one.clone(), clicks_of(Some("a"), 2)]);
        assert_eq!((report.currency.as_deref(), report.totals.converted.gross), (Some("USD"), 5));
        let report = made("by=utm_term", vec![one, total(None, None, Some("EUR"), 7, 0)]);
        assert_eq!((report.currency, report.totals.converted.gross), (None, 0));
        assert_eq!(report.totals.not_converted.len(), 2);
    }

    #[test]
    fn click_ids_are_told_by_their_platforms() {
        let row = |names| total(Some(names), None, Some("EUR"), 1, 0);
        let report = made("by=platform", vec![row("gbraid,gclid"), row("gclid"), row("fbclid,gclid"), row("newclid")]);
        let told: Vec<(Option<&str>, i128)> =
            report.rows.iter().map(|row| (row.value.as_deref(), row.converted.gross)).collect();
        assert_eq!(told, [(Some("google"), 2), (Some("google+meta"), 1), (Some("newclid"), 1)]);
    }

    #[test]
    fn rates_per_click_are_rounded_and_absent_without_clicks() {
        let totals = vec![clicks_of(None, 3), total(None, None, Some("EUR"), 20_000_000, 0)];
        let row = made("by=device", totals).totals;
        assert_eq!((row.conversion_rate(), row.earnings_per_click()), (Some(333_333), Some(6_666_667)));
        let row = made("by=device", vec![total(None, None, Some("EUR"), 1, 0)]).totals;
        assert_eq!((row.conversion_rate(), row.earnings_per_click()), (None, None));
        assert_eq!(ratio(-20, 3), Some(-7));
    }

    #[test]
    fn rows_that_are_left_out_are_counted_and_in_the_totals() {
        let row = |name, gross| total(Some(name), None, Some("EUR"), gross, 0);
        let report = made("by=product&limit=1", vec![row("a", 1), row("b", 3), row("c", 2)]);
        assert_eq!(report.rows.iter().map(|row| row.value.as_deref()).collect::<Vec<_>>(), [Some("b")]);
        assert_eq!((report.left_out, report.totals.converted.gross), (2, 6));
    }

    #[test]
    fn rows_are_sorted_as_asked_and_what_has_no_name_comes_last() {
        let row = |name, gross| total(name, None, Some("EUR"), gross, 0);
        let sorted = |sort: &str| {
            let totals = vec![row(None, 2), row(Some("a"), 1), row(Some("b"), 3)];
            let report = made(&format!("by=product&sort={sort}"), totals);
            report.rows.into_iter().map(|row| row.value.unwrap_or_default()).collect::<Vec<_>>().join(",")
        };
        assert_eq!(sorted("value"), "a,b,");
        assert_eq!(sorted("gross"), "a,,b");
        assert_eq!(sorted("-gross"), "b,,a");
        assert_eq!(sorted("visits"), "b,,a");
    }

    #[test]
    fn a_row_of_nothing_is_no_row() {
        let nothing = Total { measures: Measures::default(), ..total(Some("gone"), None, None, 0, 0) };
        assert!(made("by=product", vec![nothing]).rows.is_empty());
    }

    #[test]
    fn decimals_are_exact_and_no_longer_than_needed() {
        for (millionths, least, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (2_500_000, 0, "2.5"),
            (1_640_000, 2, "1.64"),
            (10_000_000, 2, "10.00"),
            (3_333_334, 2, "3.333334"),
            (-1, 2, "-0.000001"),
            (-1_500_000, 0, "-1.5"),
            (i128::from(i64::MAX) * 3, 2, "27670116110564.327421"),
        ] {
            assert_eq!(decimal(millionths, least), text);
        }
    }

    fn any_total() -> impl Strategy<Value = Total> {
        let word =
            |words: &'static [&'static str]| prop::option::of(prop::sample::select(words).prop_map(str::to_owned));
        let money = 0i128..1_000_000_000_000;
        (word(&["a", "b", "c"]), 0..40i64, word(&["EUR", "USD", "XAU"]), 0..9i64, 0..2_000_000i64, money.clone(), money)
            .prop_map(|(value, day, currency, clicks, conversions, gross, refunded)| Total {
                value,
                day: Some(FIRST + day),
                currency,
                measures: Measures { clicks, conversions, gross, refunded, ..Measures::default() },
            })
    }

    proptest! {
        #[test]
        fn the_totals_are_the_sum_of_the_rows_and_of_everything_that_was_sent(
            found in prop::collection::vec(any_total(), 0..60),
            by in prop::sample::select(&["day", "utm_campaign", "utm_campaign,day", "country"][..]),
            currency in prop::sample::select(&["", "EUR", "USD", "CHF"][..]),
        ) {
            let report = made(&format!("by={by}&currency={currency}&limit=10000"), found.clone());
            let mut summed = Row::default();
            for row in &report.rows {
                summed.add(row);
            }
            prop_assert_eq!(&summed, &report.totals);
            let mut sent: BTreeMap<Option<String>, Sums> = BTreeMap::new();
            let mut conversions = 0;
            for total in found {
                conversions += total.measures.conversions;
                let sums = Sums { gross: total.measures.gross, refunded: total.measures.refunded };
                sent.entry(total.currency).or_default().add(sums);
            }
            sent.retain(|_, sums| *sums != Sums::default());
            prop_assert_eq!(report.totals.amounts, sent);
            prop_assert_eq!(report.totals.counts.conversions, conversions);
        }
    }

    #[test]
    fn every_model_may_be_asked_for() {
        for model in Model::ALL {
            assert_eq!(question(&format!("model={}", model.as_str())).model, model);
        }
    }
}
