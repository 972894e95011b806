//! The form by which a report is asked for, and the conditions that hold.

use super::Asked;
use super::columns::Columns;
use crate::app::App;
use crate::credit::Model;
use crate::reports::{Compare, MAX_BY, Metric, Period, platforms, words};
use crate::store::StoreError;
use crate::store::facts::Dimension;
use std::collections::BTreeSet;

/// The word for days of one's own in the choice of a period.
pub(super) const OWN_DAYS: &str = "days";
/// Most values of a dimension that are offered.
const MOST_VALUES: usize = 500;

/// Something to choose from.
pub(super) struct Choice {
    pub(super) word: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

impl Choice {
    fn new(word: impl Into<String>, label: impl Into<String>, chosen: bool) -> Self {
        Self { word: word.into(), label: label.into(), chosen }
    }
}

/// A condition that holds, and how to be rid of it.
pub(super) struct Chip {
    /// What people call the dimension.
    pub(super) label: String,
    /// The value; nothing stands for having none.
    pub(super) value: Option<String>,
    /// As it stands in a query.
    pub(super) where_: String,
    /// The query without it.
    pub(super) without: String,
}

/// The form.
pub(super) struct Form {
    pub(super) periods: Vec<Choice>,
    pub(super) from: String,
    pub(super) to: String,
    /// A choice for each dimension that may be told apart.
    pub(super) by: Vec<Vec<Choice>>,
    pub(super) models: Vec<Choice>,
    pub(super) compare: Vec<Choice>,
    pub(super) currency: String,
    pub(super) columns: Vec<Choice>,
    /// Whether the columns are those that are shown where nothing else was chosen.
    pub(super) usual_columns: bool,
    pub(super) chips: Vec<Chip>,
    /// Dimensions that a condition may be about.
    pub(super) filters: Vec<Choice>,
    /// Values of the dimension by which rows are told apart first.
    pub(super) values: Vec<String>,
    pub(super) zone: String,
}

impl Form {
    /// The form as it stands for what was asked.
    pub(super) async fn of(app: &App, site_id: &str, asked: &Asked, known: &[Dimension]) -> Result<Self, StoreError> {
        let question = &asked.question;
        let dimensions = offered(known);
        let by = (0..MAX_BY).map(|place| {
            let chosen = question.by.get(place);
            let nothing = Choice::new(
                if place == 0 { "all" } else { "" },
                if place == 0 { "Nothing: one total" } else { "–" },
                chosen.is_none(),
            );
            let rest =
                dimensions.iter().map(|one| Choice::new(words::word(one), words::label(one), chosen == Some(one)));
            std::iter::once(nothing).chain(rest).collect()
        });
        let days = Choice::new(OWN_DAYS, "These days", question.period.is_none());
        let periods =
            Period::ALL.map(|period| Choice::new(period.as_str(), period.label(), question.period == Some(period)));
        let conditions = question
            .conditions
            .iter()
            .flat_map(|condition| condition.values.iter().map(move |value| (condition, value)));
        let chips = conditions.map(|(condition, value)| {
            let mut without = question.clone();
            for other in without.conditions.iter_mut().filter(|other| other.dimension == condition.dimension) {
                other.values.retain(|other| other != value);
            }
            without.conditions.retain(|condition| !condition.values.is_empty());
            let word = words::word(&condition.dimension);
            Chip {
                label: words::label(&condition.dimension),
                where_: format!("{word}:{}", value.as_deref().unwrap_or_default()),
                value: value.clone(),
                without: asked.query_of(&without),
            }
        });
        let can_ask =
            |dimension: &&Dimension| !matches!(dimension, Dimension::Day | Dimension::Week | Dimension::Month);
        let first = question.by.first().filter(|dimension| !dimension.is_time()).cloned();
        let first = first.unwrap_or(Dimension::Utm("utm_campaign".into()));
        let filters = dimensions
            .iter()
            .filter(can_ask)
            .map(|one| Choice::new(words::word(one), words::label(one), *one == first));
        Ok(Self {
            periods: periods.into_iter().chain([days]).collect(),
            from: question.from.to_string(),
            to: question.to.to_string(),
            by: by.collect(),
            models: Model::ALL.map(|model| Choice::new(model.as_str(), label(model), question.model == model)).into(),
            compare: Compare::ALL.map(|way| Choice::new(way.as_str(), way.label(), question.compare == way)).into(),
            currency: question.currency.as_ref().map(|code| code.as_str().to_owned()).unwrap_or_default(),
            columns: Metric::ALL
                .iter()
                .map(|metric| Choice::new(metric.as_str(), metric.label(), asked.columns.has(*metric)))
                .collect(),
            usual_columns: asked.columns == Columns::of(&[]),
            chips: chips.collect(),
            filters: filters.collect(),
            values: values(app, site_id, first).await?,
            zone: asked.now.zone.iana_name().unwrap_or("UTC").to_owned(),
        })
    }
}

/// Every dimension that can be chosen: those that always can, then those that this site has besides.
fn offered(known: &[Dimension]) -> Vec<Dimension> {
    let mut offered = words::offered();
    for dimension in known {
        if !offered.contains(dimension) {
            offered.push(dimension.clone());
        }
    }
    offered
}

async fn values(app: &App, site_id: &str, dimension: Dimension) -> Result<Vec<String>, StoreError> {
    if dimension.is_time() {
        return Ok(Vec::new());
    }
    let is_platform = dimension == Dimension::ClickIds;
    let values = app.store.values(site_id, dimension, MOST_VALUES).await?;
    Ok(match is_platform {
        true => values.iter().map(|names| platforms(names, &app.clicks)).collect::<BTreeSet<_>>().into_iter().collect(),
        false => values,
    })
}

/// What people call a model.
fn label(model: Model) -> &'static str {
    match model {
        Model::Click => "The click that led to the sale",
        Model::LastNonDirect => "Last touch that is not direct",
        Model::First => "First touch",
        Model::Linear => "Linear: all touches alike",
        Model::TimeDecay => "Time decay: 7 days halve it",
        Model::PositionBased => "Position based: 40 / 20 / 40",
    }
}

/// The form has a dimension and a value in fields of their own: puts them together, and leaves out what was left open.
pub(super) fn gather_conditions(pairs: &mut Vec<(String, String)>) {
    let take = |pairs: &mut Vec<(String, String)>, wanted: &str| {
        let found = pairs.iter().position(|(name, _)| name == wanted)?;
        Some(pairs.remove(found).1)
    };
    let (dimension, value) = (take(pairs, "filter"), take(pairs, "value"));
    if let (Some(dimension), Some(value)) = (dimension, value.filter(|value| !value.trim().is_empty())) {
        let value = if value.trim() == NONE { "" } else { value.trim() };
        pairs.push(("where".into(), format!("{dimension}:{value}")));
    }
}

/// What is typed for having no value.
pub(super) const NONE: &str = "(none)";

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        gather_conditions(&mut pairs);
        pairs
    }

    #[test]
    fn a_dimension_and_its_value_become_a_condition() {
        assert_eq!(gathered(&[("filter", "country"), ("value", " DE ")]), [("where".into(), "country:DE".into())]);
        assert_eq!(gathered(&[("filter", "country"), ("value", "(none)")]), [("where".into(), "country:".into())]);
    }

    #[test]
    fn a_value_that_was_left_open_is_no_condition() {
        assert_eq!(gathered(&[("filter", "country"), ("value", " ")]), []);
        assert_eq!(gathered(&[("value", "DE")]), []);
    }
}
