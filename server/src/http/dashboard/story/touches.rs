//! What led to a conversion: the visits of its visitor before it, and what each attribution model gives each of them.

use super::super::came_from::Origin;
use super::super::when::Moment;
use super::whose::span;
use crate::app::App;
use crate::credit::{self, Case, Credit, LOOK_BACK, MOST_TOUCHES, Model, Touch, WHOLE};
use crate::masking::Masking;
use crate::store::{ConversionRow, Millis, StoreError, Visit};
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::money::Amount;

/// A model's part of one touch, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The model, as people call it.
    pub(super) model: &'static str,
    /// Its part in per cent; `None` for none.
    pub(super) percent: Option<String>,
    /// Its part of the value.
    pub(super) value: Option<String>,
}

/// A visit of the visitor, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TouchEntry {
    pub(super) visit_id: String,
    pub(super) at: Moment,
    pub(super) origin: Origin,
    /// How long before the conversion.
    pub(super) before: String,
    /// Whether the click happened in it.
    pub(super) is_own: bool,
    pub(super) parts: Vec<Part>,
}

/// The touches of a conversion, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touches {
    /// The first one first.
    pub(super) entries: Vec<TouchEntry>,
    /// What the parts of the value are in.
    pub(super) currency: String,
    /// Whether there may be more than those that count.
    pub(super) is_cut: bool,
    /// Until when visits count, where that is not the conversion itself.
    pub(super) until: Option<&'static str>,
}

/// What people call a model.
pub(super) fn title(model: Model) -> &'static str {
    match model {
        Model::Click => "Click",
        Model::LastNonDirect => "Last non-direct",
        Model::First => "First",
        Model::Linear => "Linear",
        Model::TimeDecay => "Time decay",
        Model::PositionBased => "Position",
    }
}

/// The touches of a conversion that is credited to a visit; `sale` is what it takes back, which reports credit it by.
pub(super) async fn touches(
    app: &App,
    site_id: &str,
    row: &ConversionRow,
    sale: Option<&ConversionRow>,
    own: &Visit,
    seen: &Masking,
) -> Result<Touches, StoreError> {
    let counted = sale.unwrap_or(row);
    // What the visitor did after the click has no part in payments that were agreed upon then.
    let is_agreed = counted.said.rebill.unwrap_or(counted.said.recurring);
    let began = own.at.min(own.received_at);
    let until = if is_agreed { began } else { counted.at };
    let visits = match &own.visitor_id {
        Some(visitor_id) => {
            let from = until.saturating_sub(LOOK_BACK);
            seen.all(app.store.touches(site_id, visitor_id, from, until, MOST_TOUCHES).await?)
        }
        None => Vec::new(),
    };
    let is_cut = visits.len() == MOST_TOUCHES;
    let value = row.value().and_then(Amount::scaled);
    Ok(Touches {
        entries: entries(visits, own, row.at, &Case { at: until, value, visit_id: &own.visit_id }, decimals(row)),
        currency: row.said.currency.as_ref().map(|currency| currency.as_str().to_owned()).unwrap_or_default(),
        is_cut,
        until: match (is_agreed, sale.is_some(), row.said.transaction_type) {
            (true, _, _) => Some("Later payments of what was agreed upon are credited as the visit of the click was."),
            (false, true, TransactionType::Refund | TransactionType::Chargeback) => {
                Some("What takes back a sale is credited as that sale is: visits up to the sale count.")
            }
            _ => None,
        },
    })
}

fn decimals(row: &ConversionRow) -> u32 {
    row.value().map_or(2, Amount::decimals).max(2)
}

fn entries(mut visits: Vec<Visit>, own: &Visit, happened: Millis, case: &Case<'_>, decimals: u32) -> Vec<TouchEntry> {
    if !visits.iter().any(|visit| visit.visit_id == own.visit_id) {
        visits.push(own.clone());
    }
    visits.sort_by(|a, b| (began(a), &a.visit_id).cmp(&(began(b), &b.visit_id)));
    let touches: Vec<Touch> = visits
        .iter()
        .map(|visit| Touch {
            at: began(visit),
            visit_id: visit.visit_id.clone(),
            direct: visit.source.is_empty() && visit.click_ids.is_empty(),
        })
        .collect();
    let credits: Vec<(Model, Vec<Credit>)> =
        Model::ALL.into_iter().map(|model| (model, credit::credits(model, case, &touches))).collect();
    let entry = |visit: Visit| {
        let part = |(model, credits): &(Model, Vec<Credit>)| {
            let credit = credits.iter().find(|credit| credit.visit_id == visit.visit_id);
            let value = credit.and_then(|credit| credit.value);
            Part {
                model: title(*model),
                percent: credit.map(|credit| percent(credit.count)),
                value: value.map(|value| Amount::from_scaled(value, shown_decimals(value, decimals)).to_string()),
            }
        };
        TouchEntry {
            at: Moment::of(visit.at),
            origin: Origin::of(&visit.source, &visit.click_ids, Some(&visit.landing_page), visit.referrer.as_deref()),
            before: span(happened.saturating_sub(began(&visit))),
            is_own: visit.visit_id == own.visit_id,
            parts: credits.iter().map(part).collect(),
            visit_id: visit.visit_id,
        }
    };
    visits.into_iter().map(entry).collect()
}

/// As many decimals as tell it exactly, and no fewer than asked for.
fn shown_decimals(scaled: i64, fewest: u32) -> u32 {
    let mut decimals = 6;
    while decimals > fewest && scaled % 10_i64.pow(7 - decimals) == 0 {
        decimals -= 1;
    }
    decimals
}

fn began(visit: &Visit) -> Millis {
    visit.at.min(visit.received_at)
}

/// Millionths as per cent, with one decimal where it is not whole.
fn percent(count: i64) -> String {
    let tenths = (count * 1000 + WHOLE / 2) / WHOLE;
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        rest => format!("{}.{rest} %", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn visit(id: &str, at: Millis, source: &str) -> Visit {
        Visit {
            visit_id: id.into(),
            visitor_id: Some("v".into()),
            at,
            received_at: at,
            landing_page: "https://a.example/".into(),
            referrer: None,
            source: BTreeMap::from([("utm_source".into(), source.into())]),
            click_ids: BTreeMap::new(),
            cookies: BTreeMap::new(),
            first_touch: None,
            country: None,
            device: None,
            bot: false,
            cost: None,
        }
    }

    #[test]
    fn each_model_s_parts_stand_beside_each_touch_and_add_up() {
        let own = visit("b", 2, "mail");
        let case = Case { at: 3, value: Some(10_000_000), visit_id: "b" };
        let told = entries(vec![own.clone(), visit("a", 1, "ad"), visit("c", 3, "ad")], &own, 3, &case, 2);
        let ids: Vec<&str> = told.iter().map(|entry| entry.visit_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        let linear: Vec<&Part> = told.iter().map(|entry| &entry.parts[3]).collect();
        assert_eq!((linear[0].model, linear[0].percent.as_deref()), ("Linear", Some("33.3 %")));
        let values: Vec<&str> = linear.iter().filter_map(|part| part.value.as_deref()).collect();
        assert_eq!(values, ["3.333334", "3.333333", "3.333333"]);
        assert_eq!(told[0].parts[0].percent, None, "the click was in another visit");
        assert_eq!(told[1].parts[0].value.as_deref(), Some("10.00"));
    }

    #[test]
    fn per_cent_have_a_decimal_where_they_are_not_whole() {
        assert_eq!(
            [percent(WHOLE), percent(333_333), percent(400_000), percent(1)],
            ["100 %", "33.3 %", "40 %", "0 %"]
        );
        assert_eq!([shown_decimals(1_640_000, 2), shown_decimals(1_640_001, 2), shown_decimals(0, 2)], [2, 6, 2]);
    }
}
