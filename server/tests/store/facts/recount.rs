//! The slow, obvious way to an answer: everything that the lists show, row by row.

use crate::given::newest;
use std::collections::{BTreeMap, BTreeSet};
use tagwerk_protocol::conversion::TransactionType;
use tagwerk_protocol::money::{Amount, Currency, SCALE};
use tagwerk_server::attribution::State;
use tagwerk_server::credit::{self, Case, Model, Touch, WHOLE};
use tagwerk_server::store::facts::{Asked, Behind, Counts, Dimension, Group, Groups, Money, Visitors};
use tagwerk_server::store::{ClickRow, ConversionRow, SharedStore, Visit};

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Visit,
    Click,
    Sale,
    Lead,
    Other,
    Refund,
    Chargeback,
}

/// One thing that counts: a visit, a click, or what one visit gets of a conversion.
#[derive(Debug, Clone)]
struct Row<'a> {
    class: Class,
    /// Visit id, click id, or the id of the conversion.
    id: &'a str,
    at: i64,
    visit: Option<&'a Visit>,
    click: Option<&'a ClickRow>,
    conversion: Option<&'a ConversionRow>,
    sale: Option<&'a ConversionRow>,
    count: i64,
    value: Option<i64>,
    commission: i64,
}

/// Everything that the lists show of one site.
pub(crate) struct Lists {
    visits: BTreeMap<String, Visit>,
    clicks: BTreeMap<String, ClickRow>,
    conversions: Vec<ConversionRow>,
}

impl Lists {
    pub(crate) async fn of(store: &SharedStore, site_id: &str) -> Self {
        let visits = store.visits(site_id, newest()).await.expect("visits").items;
        let clicks = store.clicks(site_id, newest()).await.expect("clicks").items;
        Self {
            visits: visits.into_iter().map(|visit| (visit.visit_id.clone(), visit)).collect(),
            clicks: clicks.into_iter().map(|click| (click.click_id.clone(), click)).collect(),
            conversions: store.conversions(site_id, newest()).await.expect("conversions").items,
        }
    }

    /// Every value of a dimension, and having none.
    pub(crate) fn values(&self, dimension: &Dimension, asked: &Asked) -> Vec<Option<String>> {
        let values: BTreeSet<_> = self.rows(Model::Linear).iter().map(|row| value(row, dimension, asked)).collect();
        values.into_iter().chain([None]).collect()
    }

    /// What the store should answer.
    pub(crate) fn groups(&self, asked: &Asked) -> Groups {
        let mut groups: BTreeMap<Vec<Option<String>>, (Group, BTreeSet<String>)> = BTreeMap::new();
        let told_apart = |row: &&Row| asked.by.iter().all(|dimension| has(row.class, dimension));
        for row in self.asked_for(asked).iter().filter(told_apart) {
            let values: Vec<_> = asked.by.iter().map(|dimension| value(row, dimension, asked)).collect();
            let (group, visitors) = groups.entry(values.clone()).or_default();
            group.values = values;
            group.counts += counts(row);
            pay(group, row, asked);
            if let (Class::Visit, Some(visit)) = (row.class, row.visit) {
                visitors.insert(visit.visitor_id.clone().unwrap_or_else(|| format!("visit {}", visit.visit_id)));
            }
        }
        let all = || asked.by.iter().chain(asked.conditions.iter().map(|condition| &condition.dimension));
        let counts_visitors = asked.visitors && all().all(|dimension| dimension.has_visits());
        let visitors = |count: usize| counts_visitors.then_some(Visitors { count: count as u64, estimated: false });
        let everybody: BTreeSet<&String> = groups.values().flat_map(|(_, visitors)| visitors).collect();
        let everybody = visitors(everybody.len());
        let mut found = Groups { groups: Vec::new(), visitors: everybody };
        for (mut group, seen) in groups.into_values() {
            group.amounts.retain(|_, money| *money != Money::default());
            group.not_converted.sort();
            group.not_converted.dedup();
            group.visitors = visitors(seen.len());
            if group.counts != Counts::default() || !group.amounts.is_empty() {
                found.groups.push(group);
            }
        }
        found
    }

    /// What should be behind a figure: by id, how much of it counts, of its value and of its commission.
    pub(crate) fn behind(&self, asked: &Asked, of: Behind) -> BTreeMap<String, [i64; 3]> {
        let mut found: BTreeMap<String, [i64; 3]> = BTreeMap::new();
        for row in self.asked_for(asked).into_iter().filter(|row| is_behind(row, of)) {
            let value = if of == Behind::Paid { cost(&row) } else { row.value.unwrap_or(0) };
            let sum = found.entry(row.id.to_owned()).or_default();
            sum.iter_mut().zip([row.count, value, row.commission]).for_each(|(sum, more)| *sum += more);
        }
        found
    }

    fn asked_for(&self, asked: &Asked) -> Vec<Row<'_>> {
        let is_in = |row: &Row| {
            let holds = |condition: &tagwerk_server::store::facts::Condition| {
                has(row.class, &condition.dimension)
                    && condition.values.contains(&value(row, &condition.dimension, asked))
            };
            (asked.from..asked.until).contains(&row.at) && asked.conditions.iter().all(holds)
        };
        self.rows(asked.model).into_iter().filter(is_in).collect()
    }

    fn rows(&self, model: Model) -> Vec<Row<'_>> {
        let plain = |class, id, at| Row {
            class,
            id,
            at,
            visit: None,
            click: None,
            conversion: None,
            sale: None,
            count: WHOLE,
            value: None,
            commission: 0,
        };
        let visits = self
            .visits
            .values()
            .map(|visit| Row { visit: Some(visit), ..plain(Class::Visit, &visit.visit_id, began(visit)) });
        let clicks = self.clicks.values().map(|click| Row {
            visit: self.visits.get(&click.visit_id),
            click: Some(click),
            ..plain(Class::Click, &click.click_id, click.at.min(click.received_at))
        });
        let mut rows: Vec<Row> = visits.chain(clicks).collect();
        for conversion in &self.conversions {
            if conversion.attribution.state == State::Test || conversion.booked_under.is_some() {
                continue;
            }
            let sale = conversion.sale_id.as_ref().and_then(|id| self.conversions.iter().find(|sale| sale.id == *id));
            let credited = sale.unwrap_or(conversion);
            let goes_back = conversion.said.transaction_type != TransactionType::Payment;
            let value = conversion.said.value.map(scaled);
            let affiliate =
                conversion.said.amounts.affiliate.map(scaled).map(|money| if goes_back { -money } else { money });
            let click = credited.attribution.click_id.as_ref().and_then(|click_id| self.clicks.get(click_id));
            let whole = Row {
                click,
                conversion: Some(conversion),
                sale,
                value,
                commission: affiliate.unwrap_or(0),
                ..plain(class(conversion), &conversion.id, conversion.at)
            };
            let own = credited.attribution.visit_id.as_ref().and_then(|id| self.visits.get(id));
            let Some(own) = own else {
                rows.push(whole);
                continue;
            };
            let recurs = credited.said.rebill.unwrap_or(credited.said.recurring);
            let counted_at = if recurs { began(own) } else { credited.at };
            for (visit_id, (count, part, commission)) in self.parts(model, counted_at, value, affiliate, own) {
                let value = value.map(|_| part);
                rows.push(Row { visit: self.visits.get(&visit_id), count, value, commission, ..whole.clone() });
            }
        }
        rows
    }

    /// What each visit gets: of the count, of the value, of the commission.
    fn parts(
        &self,
        model: Model,
        at: i64,
        value: Option<i64>,
        affiliate: Option<i64>,
        own: &Visit,
    ) -> BTreeMap<String, (i64, i64, i64)> {
        let of_visitor = |visit: &&Visit| own.visitor_id.is_some() && visit.visitor_id == own.visitor_id;
        let touch = |visit: &Visit| Touch {
            at: began(visit),
            visit_id: visit.visit_id.clone(),
            direct: visit.source.is_empty() && visit.click_ids.is_empty(),
        };
        let touches: Vec<Touch> = self.visits.values().filter(of_visitor).map(touch).collect();
        let credits = |value| credit::credits(model, &Case { at, value, visit_id: &own.visit_id }, &touches);
        let mut parts: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
        for credit in credits(value) {
            parts.insert(credit.visit_id, (credit.count, credit.value.unwrap_or(0), 0));
        }
        for credit in credits(affiliate) {
            parts.entry(credit.visit_id).or_default().2 = credit.value.unwrap_or(0);
        }
        parts
    }
}

fn scaled(amount: Amount) -> i64 {
    amount.scaled().expect("in range")
}

fn began(visit: &Visit) -> i64 {
    visit.at.min(visit.received_at)
}

fn class(row: &ConversionRow) -> Class {
    match (row.said.transaction_type, row.said.kind.as_str()) {
        (TransactionType::Refund, _) => Class::Refund,
        (TransactionType::Chargeback, _) => Class::Chargeback,
        (_, "Lead" | "CompleteRegistration") => Class::Lead,
        (_, "Purchase") => Class::Sale,
        _ if row.said.value.is_some_and(|value| !value.is_zero()) => Class::Sale,
        _ => Class::Other,
    }
}

fn has(class: Class, dimension: &Dimension) -> bool {
    match class {
        Class::Visit => dimension.has_visits(),
        Class::Click => dimension.has_clicks(),
        _ => true,
    }
}

/// What a visit cost.
fn cost(row: &Row<'_>) -> i64 {
    row.visit.and_then(|visit| visit.cost.as_ref()).map_or(0, |(cost, _)| *cost)
}

fn is_behind(row: &Row<'_>, of: Behind) -> bool {
    let class = row.class;
    match of {
        Behind::Visits => class == Class::Visit,
        Behind::Bots => class == Class::Visit && row.visit.is_some_and(|visit| visit.bot),
        Behind::Paid => class == Class::Visit && cost(row) != 0,
        Behind::Clicks => class == Class::Click,
        Behind::Conversions => matches!(class, Class::Sale | Class::Lead | Class::Other),
        Behind::Leads => class == Class::Lead,
        Behind::Sales => class == Class::Sale,
        Behind::Returns => matches!(class, Class::Refund | Class::Chargeback),
        Behind::Refunds => class == Class::Refund,
        Behind::Chargebacks => class == Class::Chargeback,
        Behind::Money => !matches!(class, Class::Visit | Class::Click),
        Behind::Unvalued => !matches!(class, Class::Visit | Class::Click) && row.value.is_none(),
    }
}

fn counts(row: &Row<'_>) -> Counts {
    let (n, none) = (row.count, Counts::default());
    let unvalued = if row.value.is_none() { n } else { 0 };
    let bots = i64::from(row.visit.is_some_and(|visit| visit.bot));
    match row.class {
        Class::Visit => Counts { visits: 1, bots, ..none },
        Class::Click => Counts { clicks: 1, ..none },
        Class::Sale => Counts { conversions: n, sales: n, unvalued, ..none },
        Class::Lead => Counts { conversions: n, leads: n, unvalued, ..none },
        Class::Other => Counts { conversions: n, unvalued, ..none },
        Class::Refund => Counts { refunds: n, unvalued, ..none },
        Class::Chargeback => Counts { chargebacks: n, unvalued, ..none },
    }
}

/// Adds a row's money, as it was sent and converted.
fn pay(group: &mut Group, row: &Row<'_>, asked: &Asked) {
    let (money, currency) = match row.class {
        Class::Click => return,
        Class::Visit => match row.visit.and_then(|visit| visit.cost.clone()) {
            Some((cost, currency)) => ([0, 0, 0, cost], Some(currency)),
            None => return,
        },
        class => {
            let currency = row.conversion.and_then(|row| row.said.currency.clone());
            let value = row.value.unwrap_or(0);
            let goes_back = matches!(class, Class::Refund | Class::Chargeback);
            let (revenue, refunded) = if goes_back { (0, -value) } else { (value, 0) };
            ([revenue, refunded, row.commission, 0], currency.map(|currency| currency.as_str().to_owned()))
        }
    };
    if money == [0; 4] {
        return;
    }
    *group.amounts.entry(currency.clone()).or_default() += all_of(money);
    let day = jiff::Timestamp::from_millisecond(row.at).expect("a time").to_zoned(jiff::tz::TimeZone::UTC).date();
    let from = currency.as_deref().and_then(Currency::parse);
    let convert = |money: i64| {
        let amount = Amount::from_scaled(money, SCALE);
        asked.rates.convert(amount, from.as_ref()?, asked.into.as_ref()?, day)
    };
    match money.map(convert) {
        [Some(revenue), Some(refunded), Some(commission), Some(cost)] => {
            group.converted += all_of([revenue, refunded, commission, cost].map(|found| scaled(found.amount)));
            group.stale |= revenue.stale;
        }
        _ => group.not_converted.push(currency),
    }
}

fn all_of([revenue, refunded, commission, cost]: [i64; 4]) -> Money {
    Money { revenue: revenue.into(), refunded: refunded.into(), commission: commission.into(), cost: cost.into() }
}

/// The value that a row has of a dimension.
fn value(row: &Row<'_>, dimension: &Dimension, asked: &Asked) -> Option<String> {
    let said = row.conversion.map(|row| &row.said);
    let zoned = jiff::Timestamp::from_millisecond(row.at).expect("a time").to_zoned(asked.zone.clone());
    let place =
        |address: &str| address.strip_prefix("https://").and_then(|rest| rest.split('?').next()).map(str::to_owned);
    match dimension {
        Dimension::Utm(name) => row.visit?.source.get(name).cloned(),
        Dimension::ClickIds => {
            let names: Vec<&str> = row.visit?.click_ids.keys().map(String::as_str).collect();
            Some(names.join(",")).filter(|names| !names.is_empty())
        }
        Dimension::Referrer => {
            let referrer = row.visit?.referrer.as_ref()?;
            Some(referrer.strip_prefix("https://")?.split('/').next()?.to_owned())
        }
        Dimension::LandingPage => {
            let page = place(&row.visit?.landing_page)?;
            Some(page.strip_prefix("a.example").expect("a page of the site").to_owned())
        }
        Dimension::Country => row.visit?.country.clone(),
        Dimension::Device => row.visit?.device.clone(),
        Dimension::Page => place(&row.click?.page),
        Dimension::Link => place(&row.click?.href),
        Dimension::Group => said.map(|said| said.group.clone()).or_else(|| row.click?.group.clone()),
        Dimension::Product => said?.product_id.clone().or_else(|| row.sale?.said.product_id.clone()),
        Dimension::Type => Some(said?.kind.clone()),
        Dimension::TransactionType => Some(said?.transaction_type.as_str().to_owned()),
        Dimension::OrderType => said?.order_type.clone(),
        Dimension::BillingType => said?.billing_type.clone(),
        Dimension::BillingStatus => said?.billing_status.clone(),
        Dimension::State => {
            let credited = row.sale.or(row.conversion)?;
            Some(if credited.attribution.visit_id.is_some() { "attributed" } else { "unattributed" }.to_owned())
        }
        Dimension::Custom(name) => said?.custom.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
        Dimension::Hour => Some(zoned.strftime("%H").to_string()),
        Dimension::Weekday => Some(zoned.strftime("%u").to_string()),
        Dimension::Day => Some(zoned.strftime("%Y-%m-%d").to_string()),
        Dimension::Week => Some(zoned.strftime("%G-W%V").to_string()),
        Dimension::Month => Some(zoned.strftime("%Y-%m").to_string()),
    }
}
