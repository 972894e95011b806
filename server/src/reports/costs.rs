//! What was spent, as a report tells it: the parts of costs that fall on its days, where they belong. Pure.

use super::{Question, words};
use crate::costs::{Cost, spread};
use crate::rates::RateTable;
use crate::store::facts::{Dimension, Group, Money};
use jiff::civil::Date;
use std::collections::BTreeMap;
use tagwerk_protocol::money::{Amount, Currency, SCALE};

/// The parts of these costs that fall on the days of a question and meet its conditions, in its groups. A cost that does not say what a
/// condition asks for is not meant by it. Nothing where the question tells apart by what visits do not have.
///
/// `platform` tells what ad platforms the names of click ids stand for: costs name platforms.
pub fn spent(question: &Question, costs: &[Cost], rates: &RateTable) -> Vec<Group> {
    if !question.has_visits() {
        return Vec::new();
    }
    let mut groups: BTreeMap<Vec<Option<String>>, Group> = BTreeMap::new();
    for cost in costs.iter().filter(|cost| is_meant(question, cost)) {
        for (day, amount) in spread(cost, question.from, question.to) {
            if question.conditions.iter().any(|condition| {
                condition.dimension.is_time() && !condition.values.contains(&value(&condition.dimension, cost, day))
            }) {
                continue;
            }
            let values: Vec<Option<String>> = question.by.iter().map(|dimension| value(dimension, cost, day)).collect();
            let group = groups.entry(values.clone()).or_insert_with(|| Group { values, ..Group::default() });
            add(group, question, cost, (day, amount), rates);
        }
    }
    groups.into_values().collect()
}

fn is_meant(question: &Question, cost: &Cost) -> bool {
    let conditions = question.conditions.iter().filter(|condition| !condition.dimension.is_time());
    conditions.into_iter().all(|condition| {
        let said = cost.dimensions.get(&words::word(&condition.dimension));
        condition.values.iter().any(|asked| asked.as_ref() == said)
    })
}

/// The value of a dimension: a cost knows its days, but no hours.
fn value(dimension: &Dimension, cost: &Cost, day: Date) -> Option<String> {
    match dimension {
        Dimension::Hour => None,
        Dimension::Weekday => Some(day.weekday().to_monday_one_offset().to_string()),
        Dimension::Day => Some(day.to_string()),
        Dimension::Week => {
            let week = day.iso_week_date();
            Some(format!("{:04}-W{:02}", week.year(), week.week()))
        }
        Dimension::Month => Some(format!("{:04}-{:02}", day.year(), day.month())),
        other => cost.dimensions.get(&words::word(other)).cloned(),
    }
}

fn add(group: &mut Group, question: &Question, cost: &Cost, (day, amount): (Date, i64), rates: &RateTable) {
    let currency = Some(cost.currency.clone());
    *group.amounts.entry(currency.clone()).or_default() += Money { cost: amount.into(), ..Money::default() };
    let converted = Currency::parse(&cost.currency)
        .zip(question.currency.as_ref())
        .and_then(|(from, into)| rates.convert(Amount::from_scaled(amount, SCALE), &from, into, day));
    match converted.and_then(|found| Some((found.amount.scaled()?, found.stale))) {
        Some((amount, stale)) => {
            group.converted += Money { cost: amount.into(), ..Money::default() };
            group.stale |= stale;
        }
        None if !group.not_converted.contains(&currency) => group.not_converted.push(currency),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Circumstances;
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    fn question(query: &str) -> Question {
        let pairs: Vec<(String, String)> = tagwerk_protocol::form::pairs(query).collect();
        let now = Circumstances { today: date(2026, 1, 31), zone: TimeZone::UTC, currency: Currency::parse("EUR") };
        Question::read(&pairs, &now).expect("a question")
    }

    fn cost(days: (Date, Date), dimensions: &[(&str, &str)], amount: i64, currency: &str) -> Cost {
        Cost {
            id: "c".into(),
            first_day: days.0,
            last_day: days.1,
            dimensions: dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            amount,
            currency: currency.into(),
            source: None,
            note: None,
            added_at: 0,
        }
    }

    fn told(query: &str, costs: &[Cost]) -> Vec<(Vec<Option<String>>, i128)> {
        let groups = spent(&question(query), costs, &RateTable::default());
        groups.into_iter().map(|group| (group.values, group.converted.cost)).collect()
    }

    const JANUARY: (Date, Date) = (date(2026, 1, 1), date(2026, 1, 31));

    #[test]
    fn the_parts_of_all_days_are_the_cost() {
        let costs = [cost(JANUARY, &[("utm_source", "meta")], 10_000_000, "EUR")];
        let days = told("from=2026-01-01&to=2026-01-31&by=day", &costs);
        assert_eq!((days.len(), days.iter().map(|(_, cost)| cost).sum::<i128>()), (31, 10_000_000));
        let months = told("from=2026-01-01&to=2026-01-31&by=month,utm_source", &costs);
        assert_eq!(months, [(vec![Some("2026-01".into()), Some("meta".into())], 10_000_000)]);
    }

    #[test]
    fn a_cost_stands_where_it_says_it_belongs_and_under_nothing_else() {
        let costs = [cost((JANUARY.0, JANUARY.0), &[("utm_source", "meta")], 5, "EUR")];
        assert_eq!(told("from=2026-01-01&by=utm_campaign", &costs), [(vec![None], 5)]);
        assert_eq!(told("from=2026-01-01&by=all&where=utm_source:meta", &costs), [(vec![], 5)]);
        assert_eq!(told("from=2026-01-01&by=all&where=utm_source:bing", &costs), []);
        assert_eq!(told("from=2026-01-01&by=all&where=utm_campaign:", &costs), [(vec![], 5)]);
        assert_eq!(told("from=2026-01-01&by=hour", &costs), [(vec![None], 5)]);
        assert_eq!(told("from=2026-01-01&by=all&where=weekday:4", &costs), [(vec![], 5)]);
        assert_eq!(told("from=2026-01-01&by=all&where=weekday:5", &costs), []);
    }

    #[test]
    fn what_visits_cannot_be_told_apart_by_has_no_cost() {
        let costs = [cost(JANUARY, &[], 5, "EUR")];
        assert_eq!(told("from=2026-01-01&by=product", &costs), []);
        assert_eq!(told("from=2026-01-01&by=all&where=type:Purchase", &costs), []);
    }

    #[test]
    fn a_cost_without_a_rate_is_told_and_left_out() {
        let costs = [cost((JANUARY.0, JANUARY.0), &[], 5, "USD")];
        let groups = spent(&question("from=2026-01-01&by=all"), &costs, &RateTable::default());
        assert_eq!(groups[0].converted.cost, 0);
        assert_eq!(groups[0].not_converted, [Some("USD".to_owned())]);
    }
}
