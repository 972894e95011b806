//! Which figures a report shows.

use crate::reports::{Metric, Question};
use tagwerk_protocol::form;

/// Shown where nothing else was chosen.
const USUAL: [Metric; 12] = [
    Metric::Visits,
    Metric::Clicks,
    Metric::Ctr,
    Metric::Leads,
    Metric::Sales,
    Metric::Refunds,
    Metric::Revenue,
    Metric::Net,
    Metric::Epc,
    Metric::Cost,
    Metric::Profit,
    Metric::Roi,
];

/// Figures that were chosen, in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns(Vec<Metric>);

impl Columns {
    /// Those of these words, as far as they are known; the usual ones where there are none.
    pub(super) fn of(words: &[String]) -> Self {
        let wanted = |metric: &Metric| words.iter().any(|word| word == metric.as_str());
        let chosen: Vec<Metric> = Metric::ALL.iter().copied().filter(wanted).collect();
        Self(if chosen.is_empty() { USUAL.to_vec() } else { chosen })
    }

    /// Whether a figure is among them.
    pub(super) fn has(&self, metric: Metric) -> bool {
        self.0.contains(&metric)
    }

    /// Those of them that can be told of a question.
    pub(super) fn told(&self, question: &Question) -> Vec<Metric> {
        self.0.iter().copied().filter(|metric| question.has(*metric)).collect()
    }

    /// Adds them to a query, unless they are the usual ones.
    pub(super) fn push_to(&self, query: &mut String) {
        if self.0 != USUAL {
            for metric in &self.0 {
                form::push(query, "column", metric.as_str());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_shown_in_their_own_order_and_the_usual_ones_need_no_word() {
        let columns = Columns::of(&["roi".into(), "visits".into(), "nonsense".into()]);
        assert_eq!(columns.0, [Metric::Visits, Metric::Roi]);
        let mut query = "by=day".to_owned();
        columns.push_to(&mut query);
        assert_eq!(query, "by=day&column=visits&column=roi");
        let mut query = String::new();
        Columns::of(&[]).push_to(&mut query);
        assert_eq!(query, "");
    }
}
