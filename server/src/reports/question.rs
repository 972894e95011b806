//! What a report is asked for, as it stands in a query.

use super::words::{self, Metric};
use crate::credit::Model;
use crate::rates::RateTable;
use crate::store::Millis;
use crate::store::facts::{Asked, Condition, Dimension};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use std::sync::Arc;
use tagwerk_protocol::form;
use tagwerk_protocol::money::Currency;

/// Rows of a report when no limit is asked for.
const DEFAULT_LIMIT: usize = 1000;
/// Most rows of a report.
pub const MAX_LIMIT: usize = 10_000;
/// Most dimensions by which rows are told apart.
pub const MAX_BY: usize = 3;
/// The word for telling nothing apart.
const EVERYTHING: &str = "all";
/// Most conditions.
const MAX_CONDITIONS: usize = 50;
/// The first day there can be.
const EPOCH: Date = date(1970, 1, 1);
/// The last day there can be.
const LAST: Date = date(9000, 12, 31);

/// What a report covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// So far today.
    Today,
    /// Yesterday.
    Yesterday,
    /// The last seven days, today included.
    Last7Days,
    /// The last thirty days, today included.
    Last30Days,
    /// The last ninety days, today included.
    Last90Days,
    /// This month so far.
    ThisMonth,
    /// The whole month before.
    LastMonth,
    /// This year so far.
    ThisYear,
}

impl Period {
    /// Every period, in the order in which they are offered.
    pub const ALL: [Self; 8] = [
        Self::Today,
        Self::Yesterday,
        Self::Last7Days,
        Self::Last30Days,
        Self::Last90Days,
        Self::ThisMonth,
        Self::LastMonth,
        Self::ThisYear,
    ];

    /// The word, as in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Today => "today",
            Period::Yesterday => "yesterday",
            Period::Last7Days => "last_7_days",
            Period::Last30Days => "last_30_days",
            Period::Last90Days => "last_90_days",
            Period::ThisMonth => "this_month",
            Period::LastMonth => "last_month",
            Period::ThisYear => "this_year",
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Period::Today => "Today",
            Period::Yesterday => "Yesterday",
            Period::Last7Days => "Last 7 days",
            Period::Last30Days => "Last 30 days",
            Period::Last90Days => "Last 90 days",
            Period::ThisMonth => "This month",
            Period::LastMonth => "Last month",
            Period::ThisYear => "This year",
        }
    }

    /// Its first and last day.
    pub fn days(self, today: Date) -> (Date, Date) {
        let back = |days: i64| today.checked_sub(days.days()).unwrap_or(today);
        match self {
            Period::Today => (today, today),
            Period::Yesterday => (back(1), back(1)),
            Period::Last7Days => (back(6), today),
            Period::Last30Days => (back(29), today),
            Period::Last90Days => (back(89), today),
            Period::ThisMonth => (today.first_of_month(), today),
            Period::LastMonth => {
                let last = today.first_of_month().yesterday().unwrap_or(today);
                (last.first_of_month(), last)
            }
            Period::ThisYear => (today.first_of_year(), today),
        }
    }
}

/// What a report is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compare {
    /// Nothing.
    #[default]
    None,
    /// As many days just before.
    Previous,
    /// The same days a year before.
    Year,
}

impl Compare {
    /// Every way, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::None, Self::Previous, Self::Year];

    /// The word, as in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Compare::None => "none",
            Compare::Previous => "previous",
            Compare::Year => "year",
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Compare::None => "Nothing",
            Compare::Previous => "The days before",
            Compare::Year => "A year before",
        }
    }
}

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The values, first to last.
    Value,
    /// A metric.
    Metric(Metric),
}

/// What a report is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// The first day, in the zone.
    pub from: Date,
    /// The last day, included.
    pub to: Date,
    /// The period that the days were asked for by, if they were.
    pub period: Option<Period>,
    /// What it is compared with.
    pub compare: Compare,
    /// What rows are told apart by.
    pub by: Vec<Dimension>,
    /// Conditions. Of [`Dimension::ClickIds`] the values are ad platforms until [`Question::asked`] is told what click ids there are.
    pub conditions: Vec<Condition>,
    /// Who gets the credit.
    pub model: Model,
    /// The currency of the report.
    pub currency: Option<Currency>,
    /// By what rows are sorted, and whether the largest comes first.
    pub sort: (Column, bool),
    /// How many rows are told, at most; the totals are of all.
    pub limit: usize,
    /// The zone of days and hours.
    pub zone: TimeZone,
}

/// What a question is read against.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The day it is, in the zone.
    pub today: Date,
    /// The site's zone.
    pub zone: TimeZone,
    /// The site's reporting currency.
    pub currency: Option<Currency>,
}

const KNOWN: [&str; 10] = ["period", "from", "to", "compare", "by", "where", "model", "currency", "sort", "limit"];

impl Question {
    /// Reads the parameters of a query. Without days it asks for the last thirty, without a currency for the site's.
    ///
    /// # Errors
    /// A sentence that names the parameter and says what could stand there.
    pub fn read(pairs: &[(String, String)], now: &Circumstances) -> Result<Self, String> {
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("a report has no parameter {name}; it has {}", KNOWN.join(", ")));
            }
            let may_repeat = matches!(name.as_str(), "where" | "by");
            if !may_repeat && pairs.iter().skip(index + 1).any(|(other, _)| other == name) {
                return Err(format!("{name} stands there twice"));
            }
        }
        let all = |name: &'static str| {
            pairs
                .iter()
                .filter(move |(known, value)| known == name && !value.is_empty())
                .map(|(_, value)| value.as_str())
        };
        let given = |name| all(name).next();
        let (from, to, period) = days(given("period"), given("from"), given("to"), now.today)?;
        let by = dimensions(all("by"))?;
        let model = match given("model") {
            None => Model::default(),
            Some(word) => Model::parse(word)
                .ok_or_else(|| format!("model must be one of {}", Model::ALL.map(Model::as_str).join(", ")))?,
        };
        let currency = match given("currency") {
            None => now.currency.clone(),
            Some(code) => Some(
                Currency::parse(code).ok_or_else(|| "currency must be a code of three letters, like EUR".to_owned())?,
            ),
        };
        let limit = match given("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| format!("limit must be a number from 1 to {MAX_LIMIT}"))?,
        };
        let compare = match given("compare") {
            None => Compare::None,
            Some(word) => Compare::ALL
                .into_iter()
                .find(|known| known.as_str() == word)
                .ok_or_else(|| format!("compare must be one of {}", Compare::ALL.map(Compare::as_str).join(", ")))?,
        };
        let sort = match given("sort") {
            None => Self::usual_sort(&by),
            Some(word) => column(word)?,
        };
        let conditions = conditions(all("where"))?;
        let zone = now.zone.clone();
        Ok(Self { from, to, period, compare, by, conditions, model, currency, sort, limit, zone })
    }

    /// What is asked where nothing is: the last thirty days by day.
    pub fn usual(now: &Circumstances) -> Self {
        let (from, to) = Period::Last30Days.days(now.today);
        let by = vec![Dimension::Day];
        Self {
            from,
            to,
            period: Some(Period::Last30Days),
            compare: Compare::None,
            sort: Self::usual_sort(&by),
            by,
            conditions: Vec::new(),
            model: Model::default(),
            currency: now.currency.clone(),
            limit: DEFAULT_LIMIT,
            zone: now.zone.clone(),
        }
    }

    /// How rows are sorted where nothing else is asked: times in their order, all else by what is left of the money.
    pub fn usual_sort(by: &[Dimension]) -> (Column, bool) {
        match by.first().is_some_and(Dimension::is_time) {
            true => (Column::Value, false),
            false => (Column::Metric(Metric::Net), true),
        }
    }

    /// The same question of the days that it is compared with.
    pub fn before(&self) -> Option<Self> {
        let (from, to) = match self.compare {
            Compare::None => return None,
            Compare::Previous => {
                let to = self.from.yesterday().ok()?;
                // Months are compared with months, whatever their lengths.
                let whole_months = self.from.day() == 1 && self.to == self.to.last_of_month();
                let months = i64::from(self.to.year() - self.from.year()) * 12
                    + i64::from(self.to.month() - self.from.month())
                    + 1;
                let from = match whole_months {
                    true => self.from.checked_sub(months.months()).ok()?,
                    false => to.checked_sub(self.to.since(self.from).ok()?).ok()?,
                };
                (from, to)
            }
            Compare::Year => (self.from.checked_sub(1.year()).ok()?, self.to.checked_sub(1.year()).ok()?),
        };
        (from >= EPOCH).then(|| Self { from, to, period: None, compare: Compare::None, ..self.clone() })
    }

    /// What the store is asked. `click_ids` are the values of [`Dimension::ClickIds`] that there are, and `platform` tells what ad
    /// platforms such a value stands for.
    pub fn asked(&self, rates: Arc<RateTable>, click_ids: &[String], platform: impl Fn(&str) -> String) -> Asked {
        let condition = |condition: &Condition| {
            if condition.dimension != Dimension::ClickIds {
                return condition.clone();
            }
            let is_asked = |value: Option<&String>| {
                condition.values.iter().any(|asked| asked.as_ref() == value.map(|names| platform(names)).as_ref())
            };
            let mut values: Vec<Option<String>> =
                click_ids.iter().filter(|names| is_asked(Some(names))).cloned().map(Some).collect();
            values.extend(is_asked(None).then_some(None));
            Condition { dimension: Dimension::ClickIds, values }
        };
        Asked {
            by: self.by.clone(),
            conditions: self.conditions.iter().map(condition).collect(),
            from: start(self.from, &self.zone),
            until: start(self.to.tomorrow().unwrap_or(self.to), &self.zone),
            zone: self.zone.clone(),
            model: self.model,
            into: self.currency.clone(),
            rates,
            visitors: self.has_visits(),
        }
    }

    /// Whether visits can be told apart by all that is asked for.
    pub fn has_visits(&self) -> bool {
        self.dimensions().all(Dimension::has_visits)
    }

    /// Whether clicks can be told apart by all that is asked for.
    pub fn has_clicks(&self) -> bool {
        self.dimensions().all(Dimension::has_clicks)
    }

    /// Whether a metric can be told.
    pub fn has(&self, metric: Metric) -> bool {
        (self.has_visits() || !metric.of_visits()) && (self.has_clicks() || !metric.of_clicks())
    }

    fn dimensions(&self) -> impl Iterator<Item = &Dimension> {
        self.by.iter().chain(self.conditions.iter().map(|condition| &condition.dimension))
    }

    /// The query that asks this, for links. What is as it is without being asked is left out; the currency stays where it was asked for.
    pub fn query(&self, now: &Circumstances) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        match self.period {
            Some(Period::Last30Days) => {}
            Some(period) => pairs.push(("period", period.as_str().into())),
            None => pairs.extend([("from", self.from.to_string()), ("to", self.to.to_string())]),
        }
        if self.by != [Dimension::Day] {
            let words: Vec<String> = self.by.iter().map(words::word).collect();
            pairs.push(("by", if words.is_empty() { EVERYTHING.to_owned() } else { words.join(",") }));
        }
        for condition in &self.conditions {
            let word = words::word(&condition.dimension);
            pairs.extend(
                condition
                    .values
                    .iter()
                    .map(|value| ("where", format!("{word}:{}", value.as_deref().unwrap_or_default()))),
            );
        }
        if self.model != Model::default() {
            pairs.push(("model", self.model.as_str().into()));
        }
        if self.currency != now.currency {
            pairs.extend(self.currency.as_ref().map(|currency| ("currency", currency.as_str().to_owned())));
        }
        if self.compare != Compare::None {
            pairs.push(("compare", self.compare.as_str().into()));
        }
        if self.sort != Self::usual_sort(&self.by) {
            pairs.push(("sort", self.sort_word()));
        }
        if self.limit != DEFAULT_LIMIT {
            pairs.push(("limit", self.limit.to_string()));
        }
        let mut query = String::new();
        for (name, value) in pairs {
            form::push(&mut query, name, &value);
        }
        query
    }

    /// The word by which it is sorted.
    pub fn sort_word(&self) -> String {
        let (column, descending) = self.sort;
        let word = match column {
            Column::Value => "value",
            Column::Metric(metric) => metric.as_str(),
        };
        format!("{}{word}", if descending { "-" } else { "" })
    }

    /// The same question with one more condition: the value that a row has of a dimension.
    pub fn narrowed(&self, dimension: &Dimension, value: Option<&str>) -> Self {
        let mut narrowed = self.clone();
        if let Some((from, to)) = value.and_then(|value| span(dimension, value)) {
            narrowed.from = from.max(self.from);
            narrowed.to = to.min(self.to);
            narrowed.period = None;
            return narrowed;
        }
        narrowed.conditions.retain(|condition| condition.dimension != *dimension);
        let values = vec![value.map(str::to_owned)];
        narrowed.conditions.push(Condition { dimension: dimension.clone(), values });
        narrowed
    }
}

/// The first and last day of a day, week or month as it is told in reports.
fn span(dimension: &Dimension, value: &str) -> Option<(Date, Date)> {
    match dimension {
        Dimension::Day => value.parse().ok().map(|day| (day, day)),
        Dimension::Month => {
            let first: Date = format!("{value}-01").parse().ok()?;
            Some((first, first.last_of_month()))
        }
        Dimension::Week => {
            let (year, week) = value.split_once("-W")?;
            let week =
                jiff::civil::ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, jiff::civil::Weekday::Monday)
                    .ok()?;
            let monday = week.date();
            Some((monday, monday.checked_add(6.days()).ok()?))
        }
        _ => None,
    }
}

/// When a day begins in a zone.
fn start(day: Date, zone: &TimeZone) -> Millis {
    day.to_zoned(zone.clone()).map(|begins| begins.timestamp().as_millisecond()).unwrap_or_default()
}

fn days(
    period: Option<&str>,
    from: Option<&str>,
    to: Option<&str>,
    today: Date,
) -> Result<(Date, Date, Option<Period>), String> {
    if let Some(word) = period {
        if from.is_some() || to.is_some() {
            return Err("period says which days; from and to would say it again".into());
        }
        let known = || Period::ALL.map(Period::as_str).join(", ");
        let found = Period::ALL.into_iter().find(|known| known.as_str() == word);
        let period = found.ok_or_else(|| format!("period must be one of {}", known()))?;
        let (from, to) = period.days(today);
        return Ok((from, to, Some(period)));
    }
    if from.is_none() && to.is_none() {
        let (from, to) = Period::Last30Days.days(today);
        return Ok((from, to, Some(Period::Last30Days)));
    }
    let to = to.map_or(Ok(today), |text| day("to", text))?;
    let from = from.map_or_else(|| Ok(Period::Last30Days.days(to).0), |text| day("from", text))?;
    if from > to {
        return Err(format!("from ({from}) must not lie after to ({to})"));
    }
    Ok((from, to, None))
}

fn day(name: &str, text: &str) -> Result<Date, String> {
    let whole = |date: &Date| date.to_string() == text && (EPOCH..=LAST).contains(date);
    text.parse().ok().filter(whole).ok_or_else(|| format!("{name} must be a day like 2026-01-31"))
}

fn dimensions<'a>(given: impl Iterator<Item = &'a str>) -> Result<Vec<Dimension>, String> {
    let mut by = Vec::new();
    let mut is_given = false;
    for word in given.flat_map(|text| text.split(',')).filter(|word| !word.is_empty()) {
        is_given = true;
        if word == EVERYTHING {
            continue;
        }
        let found =
            words::dimension(word).ok_or_else(|| format!("by cannot be {word}; it can be {}", known_words()))?;
        if by.contains(&found) {
            return Err(format!("by names {word} twice"));
        }
        by.push(found);
    }
    if by.len() > MAX_BY {
        return Err(format!("by names {} dimensions; at most {MAX_BY} can be told apart at once", by.len()));
    }
    Ok(if is_given { by } else { vec![Dimension::Day] })
}

fn conditions<'a>(given: impl Iterator<Item = &'a str>) -> Result<Vec<Condition>, String> {
    let mut conditions: Vec<Condition> = Vec::new();
    for (count, text) in given.enumerate() {
        if count >= MAX_CONDITIONS {
            return Err(format!("where stands there more than {MAX_CONDITIONS} times"));
        }
        let (word, value) =
            text.split_once(':').ok_or_else(|| format!("where must be like utm_source:google, not {text}"))?;
        let dimension = words::dimension(word)
            .ok_or_else(|| format!("where cannot ask for {word}; it can ask for {}", known_words()))?;
        if matches!(dimension, Dimension::Day | Dimension::Week | Dimension::Month) {
            return Err(format!("where cannot ask for {word}; from and to say which days"));
        }
        let value = (!value.is_empty()).then(|| value.to_owned());
        match conditions.iter_mut().find(|condition| condition.dimension == dimension) {
            Some(condition) if !condition.values.contains(&value) => condition.values.push(value),
            Some(_) => {}
            None => conditions.push(Condition { dimension, values: vec![value] }),
        }
    }
    Ok(conditions)
}

fn known_words() -> String {
    let words: Vec<String> = words::offered().iter().map(words::word).collect();
    format!("{}, and any other utm_ parameter", words.join(", "))
}

fn column(word: &str) -> Result<(Column, bool), String> {
    let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
    if name == "value" {
        return Ok((Column::Value, descending));
    }
    let known = || Metric::ALL.iter().map(|metric| metric.as_str()).collect::<Vec<_>>().join(", ");
    Metric::parse(name)
        .map(|metric| (Column::Metric(metric), descending))
        .ok_or_else(|| format!("sort must be value or one of {}, with - before it for the largest first", known()))
}

#[cfg(test)]
mod tests;
