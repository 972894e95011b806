//! A report beside that of the days before: which rows are the same, and by how much a figure changed. Pure.

use super::{Metric, Question, Report, Row};
use crate::credit::WHOLE;
use crate::store::facts::Dimension;
use std::collections::HashMap;

/// A report of other days, row by row beside the one that is shown.
#[derive(Debug, Clone, Default)]
pub struct Before {
    totals: Row,
    rows: HashMap<Vec<Option<String>>, Row>,
    by_row: bool,
}

impl Before {
    /// The report of the days before. Rows of a day, week or month are not to be found in it: only the totals are.
    pub fn new(question: &Question, report: Report) -> Self {
        let moves = |dimension: &Dimension| matches!(dimension, Dimension::Day | Dimension::Week | Dimension::Month);
        let by_row = !question.by.iter().any(moves);
        let rows = report.rows.into_iter().map(|row| (row.values.clone(), row));
        Self { totals: report.totals, rows: if by_row { rows.collect() } else { HashMap::new() }, by_row }
    }

    /// The totals of the days before.
    pub fn totals(&self) -> &Row {
        &self.totals
    }

    /// What a row was in the days before; nothing where rows cannot be compared.
    pub fn row(&self, row: &Row) -> Option<Row> {
        self.by_row.then(|| self.rows.get(&row.values).cloned().unwrap_or_default())
    }
}

/// How much a figure changed, in millionths of what it was. `None` where it was nothing, or cannot be told.
pub fn change(now: &Row, before: &Row, metric: Metric) -> Option<i128> {
    let (now, before) = (now.metric(metric)?, before.metric(metric)?);
    if before == 0 {
        return None;
    }
    let dividend = (now - before).checked_mul(WHOLE.into())?;
    // Of a loss that shrinks, the change is one for the better.
    Some(dividend / before.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::facts::{Counts, Money};

    fn row(visits: i64, revenue: i128) -> Row {
        Row {
            values: vec![Some("a".into())],
            counts: Counts { visits, ..Counts::default() },
            converted: Money { revenue, ..Money::default() },
            ..Row::default()
        }
    }

    #[test]
    fn a_change_is_told_in_parts_of_what_was() {
        assert_eq!(change(&row(15, 0), &row(10, 0), Metric::Visits), Some(500_000));
        assert_eq!(change(&row(5, 0), &row(10, 0), Metric::Visits), Some(-500_000));
        assert_eq!(change(&row(5, 0), &row(0, 0), Metric::Visits), None);
        assert_eq!(change(&row(0, -5), &row(0, -10), Metric::Net), Some(500_000));
        assert_eq!(change(&row(1, 0), &row(1, 0), Metric::Epc), None);
    }
}
