//! What the page of rows is asked for: the rows behind a metric, and what these have to do with it. Pure.

use crate::reports::{Circumstances, MadeOf, Metric, Question};
use crate::store::facts::Behind;

/// The word for the visits that say what they cost.
pub(super) const PAID: &str = "paid";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What is behind a metric.
    Metric(Metric),
    /// The visits that say what they cost, which are a part of what is behind [`Metric::Cost`].
    Paid,
}

impl Of {
    pub(super) fn parse(word: &str) -> Option<Self> {
        if word == PAID { Some(Self::Paid) } else { Metric::parse(word).map(Self::Metric) }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Metric(metric) => metric.as_str(),
            Self::Paid => PAID,
        }
    }

    /// The query that asks for the rows behind a question's totals.
    pub(super) fn query(self, question: &Question, now: &Circumstances) -> String {
        format!("of={}&{}", self.as_str(), question.query(now))
    }

    /// What the rows are listed of: of a metric that is worked out of two others the first, and of that likewise.
    pub(super) fn listed(self) -> Listed {
        let Self::Metric(mut metric) = self else { return Listed { behind: Some(Behind::Paid), metric: Metric::Cost } };
        loop {
            match metric.made_of() {
                MadeOf::Rows(behind) => return Listed { behind: Some(behind), metric },
                MadeOf::Costs => return Listed { behind: None, metric },
                MadeOf::Difference(first, _) | MadeOf::Quotient(first, _) => metric = first,
            }
        }
    }
}

/// What the rows are listed of.
pub(super) struct Listed {
    /// Rows of the facts; `None` stands for costs that were entered.
    pub(super) behind: Option<Behind>,
    /// Of what metric.
    pub(super) metric: Metric,
}

/// What people call these rows.
pub(super) fn name(behind: Behind) -> &'static str {
    match behind {
        Behind::Visits => "visits",
        Behind::Bots => "visits of bots",
        Behind::Paid => "visits that say what they cost",
        Behind::Clicks => "clicks",
        Behind::Conversions => "conversions",
        Behind::Leads => "leads",
        Behind::Sales => "sales",
        Behind::Returns => "refunds and chargebacks",
        Behind::Refunds => "refunds",
        Behind::Chargebacks => "chargebacks",
        Behind::Money => "conversions, refunds and chargebacks",
        Behind::Unvalued => "conversions, refunds and chargebacks whose value is not known",
    }
}

/// What rows have to do with a figure that is not how many they are.
pub(super) fn what_of(metric: Metric) -> &'static str {
    match metric {
        Metric::Visitors => ": whoever came several times counts once",
        Metric::Revenue => ": their values, added up",
        Metric::Refunded => ": what they took back, added up",
        Metric::Net => ": what they brought in, less what they took back",
        Metric::Commission => ": their commissions, added up, less those that were taken back",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_leads_to_rows_and_is_known_by_its_word() {
        for metric in Metric::ALL {
            assert_eq!(Of::parse(metric.as_str()), Some(Of::Metric(*metric)));
            let listed = Of::Metric(*metric).listed();
            assert!(listed.behind.is_some() || listed.metric == Metric::Cost, "{metric:?}");
        }
        assert_eq!(Of::parse(Of::Paid.as_str()), Some(Of::Paid));
        assert_eq!(Of::parse("everything"), None);
    }

    #[test]
    fn what_is_worked_out_lists_the_rows_of_what_is_divided() {
        assert_eq!(Of::Metric(Metric::Roi).listed().metric, Metric::Net);
        assert_eq!(Of::Metric(Metric::Ctr).listed().behind, Some(Behind::Clicks));
        assert_eq!(Of::Metric(Metric::ConversionRate).listed().behind, Some(Behind::Conversions));
    }
}
