//! What a report is asked for, as it stands in a query.

use crate::credit::Model;
use crate::store::{Asked, Day, Dimension};
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan, Unit};
use std::collections::BTreeMap;
use tagwerk_protocol::money::Currency;

/// What rows can be told apart by, besides `day`, and the words for it.
pub const BY: [(&str, Dimension); 13] = [
    ("utm_source", Dimension::UtmSource),
    ("utm_medium", Dimension::UtmMedium),
    ("utm_campaign", Dimension::UtmCampaign),
    ("utm_term", Dimension::UtmTerm),
    ("utm_content", Dimension::UtmContent),
    ("platform", Dimension::ClickIds),
    ("landing_page", Dimension::LandingPage),
    ("country", Dimension::Country),
    ("device", Dimension::Device),
    ("group", Dimension::Group),
    ("product", Dimension::Product),
    ("type", Dimension::Type),
    ("state", Dimension::State),
];
/// The word for days.
pub const DAY: &str = "day";

/// Days of a report when none are asked for, today included.
const DEFAULT_DAYS: i64 = 30;
/// Rows of a report when no limit is asked for.
const DEFAULT_LIMIT: usize = 1000;
/// Most rows of a report.
const MAX_LIMIT: usize = 10_000;
/// The first day there can be.
const EPOCH: Date = date(1970, 1, 1);

/// By what rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The dimension's value.
    Value,
    /// The day.
    Day,
    /// Visits.
    Visits,
    /// Clicks.
    Clicks,
    /// Conversions.
    Conversions,
    /// Refunds and chargebacks.
    Refunds,
    /// What was paid, in the report's currency.
    Gross,
    /// What went back, in the report's currency.
    Refunded,
    /// What is left, in the report's currency.
    Net,
}

const COLUMNS: [(&str, Column); 9] = [
    ("value", Column::Value),
    (DAY, Column::Day),
    ("visits", Column::Visits),
    ("clicks", Column::Clicks),
    ("conversions", Column::Conversions),
    ("refunds", Column::Refunds),
    ("gross", Column::Gross),
    ("refunded", Column::Refunded),
    ("net", Column::Net),
];

/// What a report is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The first day, in UTC.
    pub from: Date,
    /// The last day, included.
    pub to: Date,
    /// What rows are told apart by.
    pub by: Dimension,
    /// Whether rows are of one day each.
    pub per_day: bool,
    /// Who gets the credit.
    pub model: Model,
    /// The currency of the report.
    pub currency: Option<Currency>,
    /// Conversions of this type alone.
    pub kind: Option<String>,
    /// Conversions and clicks of this tracking group alone.
    pub group: Option<String>,
    /// By what rows are sorted, and whether the largest comes first.
    pub sort: (Column, bool),
    /// How many rows are told, at most; the totals are of all.
    pub limit: usize,
}

impl Question {
    /// Reads the parameters of a query. Without days it asks for the last thirty up to `today`, without a currency for the site's.
    ///
    /// # Errors
    /// A sentence that names the parameter and says what could stand there.
    pub fn read(pairs: &[(String, String)], today: Date, reporting: Option<Currency>) -> Result<Self, String> {
        let mut asked: BTreeMap<&str, &str> = BTreeMap::new();
        let known = ["from", "to", "by", "model", "currency", "type", "group", "sort", "limit"];
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                return Err(format!("a report has no parameter {name}; it has {}", known.join(", ")));
            }
            if asked.insert(name, value).is_some() {
                return Err(format!("{name} stands there twice"));
            }
        }
        let given = |name: &str| asked.get(name).copied().filter(|value| !value.is_empty());
        let to = given("to").map_or(Ok(today), |text| day("to", text))?;
        let month_before = || to.checked_sub((DEFAULT_DAYS - 1).days()).unwrap_or(to);
        let from = given("from").map_or_else(|| Ok(month_before()), |text| day("from", text))?;
        if from > to {
            return Err(format!("from ({from}) must not lie after to ({to})"));
        }
        let (by, per_day) = dimensions(given("by").unwrap_or(DAY))?;
        let model = match given("model") {
            None => Model::default(),
            Some(word) => Model::parse(word)
                .ok_or_else(|| format!("model must be one of {}", words(Model::ALL.map(Model::as_str))))?,
        };
        let currency = match given("currency") {
            None => reporting,
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
        let sort = match given("sort") {
            None if per_day => (Column::Day, false),
            None => (Column::Net, true),
            Some(word) => column(word)?,
        };
        let text = |name: &str| given(name).map(str::to_owned);
        Ok(Self { from, to, by, per_day, model, currency, kind: text("type"), group: text("group"), sort, limit })
    }

    /// The totals it takes.
    pub fn asked(&self) -> Asked {
        Asked {
            dimension: self.by,
            from: number(self.from),
            to: number(self.to),
            per_day: self.per_day,
            into: self.currency.as_ref().map(|currency| currency.as_str().to_owned()),
            model: self.model,
            kind: self.kind.clone(),
            group: self.group.clone(),
        }
    }

    /// The words of `by`, as they may be asked for.
    pub fn by_words(&self) -> Vec<&'static str> {
        let dimension = BY.iter().find(|(_, by)| *by == self.by).map(|(word, _)| *word);
        dimension.into_iter().chain(self.per_day.then_some(DAY)).collect()
    }
}

fn day(name: &str, text: &str) -> Result<Date, String> {
    let whole = |date: &Date| date.to_string() == text && *date >= EPOCH;
    text.parse().ok().filter(whole).ok_or_else(|| format!("{name} must be a day like 2026-01-31"))
}

fn dimensions(text: &str) -> Result<(Dimension, bool), String> {
    let (mut by, mut per_day) = (Dimension::All, false);
    for word in text.split(',') {
        let found = BY.iter().find(|(known, _)| *known == word);
        match found {
            None if word == DAY && !per_day => per_day = true,
            Some((_, dimension)) if by == Dimension::All => by = *dimension,
            _ => {
                let known = words(BY.map(|(word, _)| word));
                return Err(format!("by must be {DAY}, or one of {known}, alone or with {DAY} behind a comma"));
            }
        }
    }
    Ok((by, per_day))
}

fn column(word: &str) -> Result<(Column, bool), String> {
    let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
    let found = COLUMNS.iter().find(|(known, _)| *known == name);
    let known = || words(COLUMNS.map(|(word, _)| word));
    found
        .map(|(_, column)| (*column, descending))
        .ok_or_else(|| format!("sort must be one of {}, with - before it for the largest first", known()))
}

fn words<const N: usize>(words: [&str; N]) -> String {
    words.join(", ")
}

/// Days since 1970 of a date.
pub(super) fn number(date: Date) -> Day {
    EPOCH.until((Unit::Day, date)).map(|days| i64::from(days.get_days())).unwrap_or_default()
}

/// The date of a day, as far as calendars go.
pub(super) fn date_of(day: Day) -> Option<Date> {
    EPOCH.checked_add(Span::new().try_days(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TODAY: Date = date(2026, 3, 31);

    fn read(query: &str) -> Result<Question, String> {
        let pairs: Vec<(String, String)> = tagwerk_protocol::form::pairs(query).collect();
        Question::read(&pairs, TODAY, Currency::parse("EUR"))
    }

    #[test]
    fn a_report_that_asks_for_nothing_is_the_last_thirty_days_by_day() {
        let question = read("").expect("a question");
        assert_eq!((question.from, question.to), (date(2026, 3, 2), TODAY));
        assert_eq!((question.by, question.per_day, question.model), (Dimension::All, true, Model::Click));
        assert_eq!(question.currency, Currency::parse("EUR"));
        assert_eq!(question.by_words(), ["day"]);
        assert_eq!((question.sort, question.limit), ((Column::Day, false), 1000));
    }

    #[test]
    fn everything_that_is_asked_for_is_read() {
        let question = read(
            "from=2026-01-01&to=2026-01-31&by=utm_campaign,day&model=time_decay&currency=usd&type=Lead&group=g&sort=-gross&limit=5",
        );
        let question = question.expect("a question");
        let asked = question.asked();
        assert_eq!((asked.from, asked.to, asked.per_day), (20_454, 20_484, true));
        assert_eq!((asked.dimension, asked.model), (Dimension::UtmCampaign, Model::TimeDecay));
        assert_eq!(
            (asked.into.as_deref(), asked.kind.as_deref(), asked.group.as_deref()),
            (Some("USD"), Some("Lead"), Some("g"))
        );
        assert_eq!((question.sort, question.limit), ((Column::Gross, true), 5));
        assert_eq!(question.by_words(), ["utm_campaign", "day"]);
    }

    #[test]
    fn days_may_stand_before_or_behind_the_dimension_or_alone() {
        for (by, expected) in [
            ("day", (Dimension::All, true)),
            ("day,platform", (Dimension::ClickIds, true)),
            ("platform,day", (Dimension::ClickIds, true)),
            ("platform", (Dimension::ClickIds, false)),
        ] {
            let question = read(&format!("by={by}")).expect(by);
            assert_eq!((question.by, question.per_day), expected, "{by}");
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_told_by_name() {
        for (query, word) in [
            ("from=yesterday", "from must be a day like 2026-01-31"),
            ("from=2026-1-1", "from must be"),
            ("from=2026-02-30", "from must be"),
            ("to=1969-12-31", "to must be"),
            ("to=2026-01-01T00:00:00Z", "to must be"),
            ("from=2026-02-01&to=2026-01-31", "from (2026-02-01) must not lie after to (2026-01-31)"),
            ("by=utm_campaign,utm_source", "by must be day, or one of utm_source"),
            ("by=day,day", "by must be"),
            ("by=UTM_SOURCE", "by must be"),
            ("by=,", "by must be"),
            ("model=last", "model must be one of click, last_non_direct"),
            ("currency=euro", "currency must be"),
            ("sort=profit", "sort must be one of value, day"),
            ("sort=--net", "sort must be"),
            ("limit=0", "limit must be a number from 1 to 10000"),
            ("limit=10001", "limit must be"),
            ("model=click&model=first", "model stands there twice"),
            ("form=2026-01-01", "a report has no parameter form"),
        ] {
            let sentence = read(query).expect_err(query);
            assert!(sentence.contains(word), "{query}: {sentence}");
        }
    }

    #[test]
    fn what_is_empty_is_not_asked_for() {
        assert_eq!(read("from=&to=&by=&model=&currency=&type=&group=&sort=&limit="), read(""));
    }

    #[test]
    fn every_dimension_but_that_of_everything_has_a_word() {
        for dimension in Dimension::OF_VISIT {
            assert!(BY.iter().any(|(_, known)| *known == dimension), "{dimension:?}");
        }
        assert_eq!(BY.iter().map(|(word, _)| word).collect::<std::collections::BTreeSet<_>>().len(), BY.len());
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(query in ".*", name in "from|to|by|sort|limit", value in ".*") {
            let _ = read(&query);
            let _ = read(&format!("{name}={value}"));
        }

        #[test]
        fn a_day_is_the_day_of_its_number(day in 0i64..1_000_000) {
            prop_assert_eq!(date_of(day).map(number), Some(day));
        }
    }
}
