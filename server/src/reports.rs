//! A report: what is asked for, and what the facts say to it. Pure.
//!
//! Money is summed per currency as it was sent, and besides in the currency of the report: each conversion's by itself, at its day's
//! rate, so that every total is the sum of its parts, to the last digit, however far one drills down. What no rate is known for is told
//! and left out there, never guessed.

pub mod comparison;
pub mod costs;
mod question;
pub mod words;

pub use question::{Circumstances, Column, Compare, MAX_BY, MAX_LIMIT, Period, Question};
pub use words::{Kind, MadeOf, Metric};

use crate::credit::WHOLE;
use crate::store::facts::{Counts, Dimension, Group, Groups, Money, Visitors};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::clicks::Clicks;

/// 10^-6 of money and millionths of a conversion in one.
const UNIT: u128 = WHOLE as u128;

/// One row, or the totals of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its values, in the order of [`Question::by`]; `None` where there is none.
    pub values: Vec<Option<String>>,
    /// What is counted.
    pub counts: Counts,
    /// Visitors, where visits can be told.
    pub visitors: Visitors,
    /// Money as it was sent, by currency; under `None` what came without one.
    pub amounts: BTreeMap<Option<String>, Money>,
    /// All of it in the report's currency, as far as rates are known.
    pub converted: Money,
    /// Currencies of money that is not in `converted`, since no rate is known.
    pub not_converted: BTreeSet<Option<String>>,
    /// Whether a rate was used that is older than it should be.
    pub stale: bool,
}

impl Row {
    /// A metric: a count; millionths of conversions, and of ratios; 10^-6 of money. `None` where it cannot be told: a ratio to nothing,
    /// or one of money of which not all is known in the report's currency.
    pub fn metric(&self, metric: Metric) -> Option<i128> {
        let (counts, money) = (&self.counts, &self.converted);
        let complete = self.not_converted.is_empty();
        Some(match metric {
            Metric::Visits => counts.visits.into(),
            Metric::Visitors => self.visitors.count.into(),
            Metric::Bots => counts.bots.into(),
            Metric::Clicks => counts.clicks.into(),
            Metric::Ctr => return ratio(i128::from(counts.clicks) * i128::from(WHOLE), counts.visits.into()),
            Metric::Conversions => counts.conversions.into(),
            Metric::Leads => counts.leads.into(),
            Metric::Sales => counts.sales.into(),
            Metric::Refunds => counts.refunds.into(),
            Metric::Chargebacks => counts.chargebacks.into(),
            Metric::WithoutValue => counts.unvalued.into(),
            Metric::Revenue => money.revenue,
            Metric::Refunded => money.refunded,
            Metric::Net => money.net(),
            Metric::Commission => money.commission,
            Metric::Epc => return ratio(money.net(), counts.clicks.into()).filter(|_| complete),
            Metric::ConversionRate => return ratio(counts.conversions.into(), counts.clicks.into()),
            Metric::Cost => money.cost,
            Metric::Profit => money.net() - money.cost,
            Metric::Roi => {
                let profit = (money.net() - money.cost).checked_mul(WHOLE.into());
                return profit.and_then(|profit| ratio(profit, money.cost)).filter(|_| complete);
            }
        })
    }

    fn of(group: Group) -> Self {
        Self {
            values: group.values,
            counts: group.counts,
            visitors: group.visitors.unwrap_or_default(),
            amounts: group.amounts,
            converted: group.converted,
            not_converted: group.not_converted.into_iter().collect(),
            stale: group.stale,
        }
    }

    /// Adds all of another row but its visitors, who may be the same.
    pub fn add(&mut self, other: &Self) {
        self.counts += other.counts;
        for (currency, money) in &other.amounts {
            *self.amounts.entry(currency.clone()).or_default() += *money;
        }
        self.converted += other.converted;
        self.not_converted.extend(other.not_converted.iter().cloned());
        self.stale |= other.stale;
    }

    fn is_empty(&self) -> bool {
        self.counts == Counts::default() && self.amounts.values().all(|money| *money == Money::default())
    }
}

/// The nearest integer, away from zero where two are as near.
fn ratio(dividend: i128, divisor: i128) -> Option<i128> {
    (divisor > 0).then(|| (2 * dividend + divisor * dividend.signum()) / (2 * divisor))
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// Makes a report of what the facts say to its question, and of what was spent ([`costs::spent`]).
pub fn report(question: &Question, found: Groups, spent: Vec<Group>, clicks: &Clicks) -> Report {
    let platform_at = question.by.iter().position(|dimension| *dimension == Dimension::ClickIds);
    let mut rows: BTreeMap<Vec<Option<String>>, Row> = BTreeMap::new();
    for mut group in found.groups.into_iter().chain(spent) {
        if let Some(names) = platform_at.and_then(|index| group.values.get_mut(index)).and_then(Option::as_mut) {
            *names = platforms(names, clicks);
        }
        let more = Row::of(group);
        let row =
            rows.entry(more.values.clone()).or_insert_with(|| Row { values: more.values.clone(), ..Row::default() });
        // Somebody with click ids of the same platform under several names may be in both.
        let (count, estimated) =
            (row.visitors.count + more.visitors.count, row.visitors.count > 0 && more.visitors.count > 0);
        row.visitors = Visitors { count, estimated: estimated || row.visitors.estimated || more.visitors.estimated };
        row.add(&more);
    }
    let mut rows: Vec<Row> = rows.into_values().filter(|row| !row.is_empty()).collect();
    let currency = question.currency.as_ref().map(|currency| currency.as_str().to_owned());
    let currency = currency.or_else(|| only_currency(&mut rows));
    let mut totals = Row { visitors: found.visitors.unwrap_or_default(), ..Row::default() };
    for row in &rows {
        totals.add(row);
    }
    rows.sort_by(|one, other| order(one, other, question.sort));
    let left_out = rows.len().saturating_sub(question.limit);
    rows.truncate(question.limit);
    Report { currency, rows, left_out, totals }
}

/// The currency of all money there is, if it is one: nothing has to be converted then.
fn only_currency(rows: &mut [Row]) -> Option<String> {
    let mut currencies: BTreeSet<Option<String>> = BTreeSet::new();
    for row in rows.iter() {
        let has_money = row.amounts.iter().filter(|(_, money)| **money != Money::default());
        currencies.extend(has_money.map(|(currency, _)| currency.clone()));
    }
    let only = currencies.pop_first().flatten().filter(|_| currencies.is_empty())?;
    for row in rows {
        row.converted = row.amounts.get(&Some(only.clone())).copied().unwrap_or_default();
        row.not_converted.clear();
    }
    Some(only)
}

/// The ad platforms of these click ids' parameters; a visit may have click ids of several.
pub fn platforms(names: &str, clicks: &Clicks) -> String {
    let platform = |name| clicks.click.iter().find(|row| row.param == name).map_or(name, |row| row.platform.as_str());
    let platforms: BTreeSet<&str> = names.split(',').map(platform).collect();
    platforms.into_iter().collect::<Vec<_>>().join("+")
}

/// By the column asked for, then by what is left of the money, by how much there was of it, and by name; what has no name last, and
/// what cannot be told, whichever way it is sorted.
fn order(one: &Row, other: &Row, (column, descending): (Column, bool)) -> Ordering {
    let name = |row: &Row| row.values.iter().map(|value| (value.is_none(), value.clone())).collect::<Vec<_>>();
    let (first, is_told) = match column {
        Column::Value => (name(one).cmp(&name(other)), Ordering::Equal),
        Column::Metric(metric) => {
            let (one, other) = (one.metric(metric), other.metric(metric));
            (one.cmp(&other), other.is_some().cmp(&one.is_some()))
        }
    };
    let weight = |row: &Row| (row.converted.net(), row.counts.conversions, row.counts.clicks, row.counts.visits);
    is_told
        .then(if descending { first.reverse() } else { first })
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
mod tests;
