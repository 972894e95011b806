//! The facts that stand for a conversion: how they are made, kept and told apart from those before.

use super::fact::{Class, Fact, column, packed, unpacked};
use super::origin::{self, Origin, origin, place};
use super::words::{CURRENCY, Words};
use crate::credit::{self, Case, Model, Touch, WHOLE};
use crate::store::facts::{ATTRIBUTED, Dimension, UNATTRIBUTED};
use crate::store::sqlite::failure::Failure;
use crate::store::sqlite::rows::{from_json, transaction_type};
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use tagwerk_protocol::conversion::{TransactionType, conversion_type};

/// What counts as a lead, besides the built-in type.
const REGISTRATION: &str = "CompleteRegistration";

/// A visitor's touches before a conversion, the latest first.
pub(super) fn touches_sql() -> String {
    format!(
        "SELECT visits.visit_id, min(visits.at, visits.received_at) AS began, {} FROM visits
         WHERE visits.site_id = ?1 AND visits.visitor_id = ?2 AND visits.visitor_id IS NOT NULL
           AND min(visits.at, visits.received_at) BETWEEN ?3 AND ?4
         ORDER BY began DESC, visits.visit_id DESC LIMIT ?5",
        origin::COLUMNS
    )
}

/// Those of an erased visitor, as far as they are kept for the credit of one token. Their places are in the order of time, and stand for ids.
const ERASED_TOUCHES: &str = "
    SELECT printf('%06d', place) AS visit_id, began, source, click_ids, landing_page, referrer, country, device
    FROM erased_touches WHERE site_id = ?1 AND token = ?2 AND began BETWEEN ?3 AND ?4 ORDER BY place DESC LIMIT ?5";

/// What stands for one conversion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    visitor_id: Option<String>,
    counted_at: i64,
    /// Sorted.
    pub(super) facts: Vec<Fact>,
}

/// A visit that is credited or may be.
struct Visited {
    touch: Touch,
    visitor: Visitor,
    origin: Origin,
}

/// By what a visit's visitor is known, and so the other visits.
enum Visitor {
    Known(String),
    /// By the token under which their part in a credit is kept.
    Erased(String),
    Nobody,
}

/// How much of a conversion: in millionths, and in 10^-6.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    count: i64,
    value: i64,
    commission: i64,
}

/// A conversion as far as it is the same for everybody who is credited.
struct Said {
    /// Without what a visit tells, and without how much of it.
    fact: Fact,
    value: Option<i64>,
    commission: Option<i64>,
}

impl Said {
    fn part(&self, model: Model, origin: &Origin, part: Part) -> Fact {
        let place = Model::ALL.iter().position(|known| *known == model).unwrap_or_default();
        let mut fact = self.fact.clone().with(column::COUNT, part.count).with(column::VALUE, part.value);
        fact.put(column::COMMISSION, part.commission);
        fact.put(column::MODEL, i64::try_from(place).unwrap_or_default());
        for (column, code) in origin {
            fact.put(*column, *code);
        }
        fact
    }

    fn whole(&self) -> Part {
        Part { count: WHOLE, value: self.value.unwrap_or_default(), commission: self.commission.unwrap_or_default() }
    }
}

/// What should stand for a conversion; nothing where it is gone, a test, or does not carry its money.
pub(super) fn due(
    connection: &Connection,
    site_id: &str,
    id: &str,
    words: &mut Words<'_>,
) -> Result<Option<Entry>, Failure> {
    // A refund that is joined to its sale is credited as the sale is, so that it takes back what the sale gave.
    let mut statement = connection.prepare_cached(
        "SELECT own.at, own.kind, own.tracking_group, own.value, own.affiliate, own.currency, own.transaction_type,
                own.order_type, own.billing_type, own.billing_status, own.custom,
                coalesce(own.product_id, sale.product_id) AS product_id,
                iif(sale.id IS NULL, own.at, sale.at) AS counted_at,
                iif(sale.id IS NULL, own.visit_id, sale.visit_id) AS visit_id,
                iif(iif(sale.id IS NULL, own.state, sale.state) = 'attributed', erased.token, NULL) AS token,
                iif(sale.id IS NULL, coalesce(own.rebill, own.recurring), coalesce(sale.rebill, sale.recurring)) AS agreed,
                coalesce(clicks.page, erased.page) AS page, coalesce(clicks.href, erased.href) AS href
         FROM conversions AS own
         LEFT JOIN conversions AS sale ON sale.site_id = own.site_id AND sale.id = own.sale_id
         LEFT JOIN clicks ON clicks.site_id = own.site_id AND clicks.click_id = iif(sale.id IS NULL, own.click_id, sale.click_id)
         LEFT JOIN erased_credits AS erased ON erased.site_id = own.site_id
            AND erased.token = iif(sale.id IS NULL, own.sub_id, sale.sub_id)
         WHERE own.site_id = ? AND own.id = ? AND own.carries = 1 AND own.is_test = 0",
    )?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (visit_id, token): (Option<String>, Option<String>) = (row.get("visit_id")?, row.get("token")?);
    let said = said(row, id, visit_id.is_some() || token.is_some(), words)?;
    let mut entry = Entry { counted_at: row.get("counted_at")?, ..Entry::default() };
    let own = match (&visit_id, token) {
        (Some(visit_id), _) => visit(connection, site_id, visit_id, words)?,
        (None, Some(token)) => erased(connection, site_id, token, words)?,
        (None, None) => None,
    };
    match own {
        None => entry.facts.push(said.part(Model::Click, &Vec::new(), said.whole())),
        Some(own) => {
            if row.get("agreed")? {
                // What the visitor did after the click has no part in payments that were agreed upon then. Where nobody says which of
                // those that recur is the first, all of them are credited alike.
                entry.counted_at = own.touch.at;
            }
            if let Visitor::Known(visitor_id) = &own.visitor {
                entry.visitor_id = Some(visitor_id.clone());
            }
            entry.facts.push(said.part(Model::Click, &own.origin, said.whole()));
            share(connection, site_id, &mut entry, &said, own, words)?;
        }
    }
    entry.facts.sort_unstable();
    Ok(Some(entry))
}

/// What a row of a conversion says, whoever is credited.
fn said(row: &Row<'_>, id: &str, attributed: bool, words: &mut Words<'_>) -> Result<Said, Failure> {
    let text = |column: &str| Ok::<_, Failure>(row.get::<_, Option<String>>(column)?.unwrap_or_default());
    let (value, affiliate): (Option<i64>, Option<i64>) = (row.get("value")?, row.get("affiliate")?);
    let (transaction_type, kind) = (transaction_type(row)?, text("kind")?);
    let class = class(transaction_type, &kind, value);
    let magnitude = affiliate.map(i64::saturating_abs);
    let mut fact = Fact::new(id, row.get("at")?)
        .with(column::CLASS, class.number())
        .with(column::UNVALUED, i64::from(value.is_none()));
    let mut cells: Origin = Vec::new();
    cells.extend(words.cell_of(CURRENCY, &text("currency")?)?);
    let state = if attributed { ATTRIBUTED } else { UNATTRIBUTED };
    let told = [
        (Dimension::Group, text("tracking_group")?),
        (Dimension::Product, text("product_id")?),
        (Dimension::Type, kind),
        (Dimension::TransactionType, transaction_type.as_str().to_owned()),
        (Dimension::OrderType, text("order_type")?),
        (Dimension::BillingType, text("billing_type")?),
        (Dimension::BillingStatus, text("billing_status")?),
        (Dimension::State, state.to_owned()),
        (Dimension::Page, place(&text("page")?)),
        (Dimension::Link, place(&text("href")?)),
    ];
    for (dimension, word) in told {
        cells.extend(words.cell(&dimension, &word)?);
    }
    // Of a name that is told twice the first counts.
    let mut custom: BTreeMap<String, String> = BTreeMap::new();
    for (name, word) in from_json::<Vec<(String, String)>>(row, "custom")? {
        custom.entry(name).or_insert(word);
    }
    for (name, word) in custom {
        cells.extend(words.cell(&Dimension::Custom(name), &word)?);
    }
    for (column, code) in cells {
        fact.put(column, code);
    }
    Ok(Said { fact, value, commission: if class.goes_back() { magnitude.map(|money| -money) } else { magnitude } })
}

/// What a conversion counts as.
fn class(transaction_type: TransactionType, kind: &str, value: Option<i64>) -> Class {
    match transaction_type {
        TransactionType::Refund => Class::Refund,
        TransactionType::Chargeback => Class::Chargeback,
        TransactionType::Payment if kind == conversion_type::LEAD || kind == REGISTRATION => Class::Lead,
        TransactionType::Payment if kind == conversion_type::PURCHASE || value.is_some_and(|value| value != 0) => {
            Class::Sale
        }
        TransactionType::Payment => Class::Other,
    }
}

/// Adds what each model but that of the click says otherwise: the whole of it taken from the visit of the click, and the shares of all.
fn share(
    connection: &Connection,
    site_id: &str,
    entry: &mut Entry,
    said: &Said,
    own: Visited,
    words: &mut Words<'_>,
) -> Result<(), Failure> {
    let (sql, of) = match &own.visitor {
        Visitor::Known(visitor_id) => (touches_sql(), visitor_id),
        Visitor::Erased(token) => (ERASED_TOUCHES.to_owned(), token),
        Visitor::Nobody => return Ok(()),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let from = entry.counted_at.saturating_sub(credit::LOOK_BACK);
    let mut rows = statement.query(params![site_id, of, from, entry.counted_at, credit::MOST_TOUCHES as i64])?;
    let (mut touches, mut origins) = (Vec::new(), BTreeMap::new());
    while let Some(row) = rows.next()? {
        let (touch, origin) = touched(row, words)?;
        origins.insert(touch.visit_id.clone(), origin);
        touches.push(touch);
    }
    let own_visit = own.touch.visit_id.clone();
    if origins.insert(own_visit.clone(), own.origin.clone()).is_none() {
        touches.push(own.touch);
    }
    if touches.len() < 2 {
        return Ok(());
    }
    for model in Model::ALL.into_iter().filter(|model| *model != Model::Click) {
        let credits = |value| {
            let case = Case { at: entry.counted_at, value, visit_id: &own_visit };
            credit::credits(model, &case, &touches)
        };
        let mut parts: BTreeMap<String, Part> = BTreeMap::new();
        for credit in credits(said.value) {
            let part = parts.entry(credit.visit_id).or_default();
            (part.count, part.value) = (credit.count, credit.value.unwrap_or_default());
        }
        for credit in credits(said.commission) {
            parts.entry(credit.visit_id).or_default().commission = credit.value.unwrap_or_default();
        }
        if parts.keys().eq([&own_visit]) {
            continue;
        }
        entry.facts.push(said.part(model, &own.origin, said.whole()).negated());
        for (visit_id, part) in parts {
            if let Some(origin) = origins.get(&visit_id) {
                entry.facts.push(said.part(model, origin, part));
            }
        }
    }
    Ok(())
}

fn visit(
    connection: &Connection,
    site_id: &str,
    visit_id: &str,
    words: &mut Words<'_>,
) -> Result<Option<Visited>, Failure> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| {
        format!(
            "SELECT visits.visit_id, min(visits.at, visits.received_at) AS began, visits.visitor_id, {}
             FROM visits WHERE visits.site_id = ? AND visits.visit_id = ?",
            origin::COLUMNS
        )
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, visit_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (touch, origin) = touched(row, words)?;
    let visitor = row.get::<_, Option<String>>("visitor_id")?.map_or(Visitor::Nobody, Visitor::Known);
    Ok(Some(Visited { touch, visitor, origin }))
}

/// What is kept of the credited visit of an erased visitor.
fn erased(
    connection: &Connection,
    site_id: &str,
    token: String,
    words: &mut Words<'_>,
) -> Result<Option<Visited>, Failure> {
    let sql = "SELECT printf('%06d', own_place) AS visit_id, began, source, click_ids, landing_page, referrer, country, device
               FROM erased_credits WHERE site_id = ? AND token = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, &token])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (touch, origin) = touched(row, words)?;
    Ok(Some(Visited { touch, visitor: Visitor::Erased(token), origin }))
}

fn touched(row: &Row<'_>, words: &mut Words<'_>) -> Result<(Touch, Origin), Failure> {
    // Without campaign parameters and without ad click ids.
    let is_empty =
        |column: &str| Ok::<_, Failure>(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)? == "{}");
    let touch = Touch {
        at: row.get("began")?,
        visit_id: row.get("visit_id")?,
        direct: is_empty("source")? && is_empty("click_ids")?,
    };
    Ok((touch, origin(row, words)?))
}

/// What stands for a conversion now.
pub(super) fn held(connection: &Connection, site_id: &str, id: &str) -> Result<Option<Entry>, Failure> {
    let sql = "SELECT visitor_id, counted_at, facts FROM report_held WHERE site_id = ? AND id = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([site_id, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let facts = row.get_ref("facts")?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Some(Entry { visitor_id: row.get("visitor_id")?, counted_at: row.get("counted_at")?, facts: unpacked(facts)? }))
}

/// Keeps what stands for a conversion from now on.
pub(super) fn keep(connection: &Connection, site_id: &str, id: &str, entry: Option<&Entry>) -> Result<(), Failure> {
    let Some(entry) = entry else {
        connection.prepare_cached("DELETE FROM report_held WHERE site_id = ? AND id = ?")?.execute([site_id, id])?;
        return Ok(());
    };
    connection
        .prepare_cached("REPLACE INTO report_held (site_id, id, visitor_id, counted_at, facts) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![site_id, id, entry.visitor_id, entry.counted_at, packed(&entry.facts)?])?;
    Ok(())
}

/// What makes one entry of another: what is in the first alone is taken out, what is in the second alone is put in.
pub(super) fn difference(held: Option<Entry>, due: Option<&Entry>) -> Vec<Fact> {
    let mut gone = held.map(|entry| entry.facts).unwrap_or_default().into_iter().peekable();
    let mut new = due.map(|entry| entry.facts.clone()).unwrap_or_default().into_iter().peekable();
    let mut facts = Vec::new();
    // Both are sorted, so what they share meets.
    loop {
        match (gone.peek(), new.peek()) {
            (Some(one), Some(other)) if one == other => {
                gone.next();
                new.next();
            }
            (Some(one), Some(other)) if one > other => facts.extend(new.next()),
            (None, Some(_)) => facts.extend(new.next()),
            (Some(_), _) => facts.extend(gone.next().map(Fact::negated)),
            (None, None) => return facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(values: &[i64]) -> Entry {
        let mut facts: Vec<Fact> = values.iter().map(|value| Fact::new("", 0).with(column::VALUE, *value)).collect();
        facts.sort_unstable();
        Entry { facts, ..Entry::default() }
    }

    #[test]
    fn of_two_entries_only_what_differs_is_written() {
        let values = |facts: Vec<Fact>| facts.iter().map(|fact| fact.at(column::VALUE)).collect::<Vec<_>>();
        assert_eq!(values(difference(Some(entry(&[1, 2, 2, 5])), Some(&entry(&[2, 3, 5])))), [-1, -2, 3]);
        assert_eq!(values(difference(None, Some(&entry(&[4, 7])))), [4, 7]);
        assert_eq!(values(difference(Some(entry(&[4])), None)), [-4]);
        assert_eq!(difference(Some(entry(&[4])), Some(&entry(&[4]))), []);
    }

    #[test]
    fn what_a_conversion_counts_as_is_told_by_what_moved_then_by_its_type_then_by_its_value() {
        let payment = |kind, value| class(TransactionType::Payment, kind, value);
        assert_eq!(class(TransactionType::Refund, "Purchase", Some(-1)), Class::Refund);
        assert_eq!(class(TransactionType::Chargeback, "Lead", None), Class::Chargeback);
        assert_eq!((payment("Lead", Some(3)), payment("CompleteRegistration", None)), (Class::Lead, Class::Lead));
        assert_eq!((payment("Purchase", None), payment("Upsell", Some(1))), (Class::Sale, Class::Sale));
        assert_eq!((payment("Upsell", Some(0)), payment("Upsell", None)), (Class::Other, Class::Other));
    }
}
