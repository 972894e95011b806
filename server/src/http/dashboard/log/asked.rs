//! Which part of the log is asked for: a list, its filters, a time, a place. Pure.

use super::super::story::how_opened;
use crate::store::{Channel, Field, Filter, List, Millis, Page, Place, PostbackState};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

/// The lists of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postbacks,
    Events,
    Clicks,
    Visits,
    OrderEvents,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Postbacks, Self::Events, Self::Clicks, Self::Visits, Self::OrderEvents];

    /// The word, as in the address and in the API.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Postbacks => "postbacks",
            Kind::Events => "events",
            Kind::Clicks => "clicks",
            Kind::Visits => "visits",
            Kind::OrderEvents => "order_events",
        }
    }

    /// What people call it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Kind::Postbacks => "Postbacks",
            Kind::Events => "Events",
            Kind::Clicks => "Clicks",
            Kind::Visits => "Visits",
            Kind::OrderEvents => "Order events",
        }
    }

    fn list(self) -> List {
        match self {
            Kind::Postbacks => List::Postbacks,
            Kind::Events => List::Events,
            Kind::Clicks => List::Clicks,
            Kind::Visits => List::Visits,
            Kind::OrderEvents => List::OrderEvents,
        }
    }

    /// What it is filtered by, and what people call that.
    fn filters(self) -> &'static [(Field, &'static str)] {
        match self {
            Kind::Postbacks => &[(Field::State, "State"), (Field::Channel, "Channel"), (Field::Group, "Network")],
            Kind::Events => &[(Field::Name, "Name")],
            Kind::Clicks => &[(Field::Group, "Network"), (Field::How, "Opened")],
            Kind::Visits => {
                &[(Field::UtmSource, "utm_source"), (Field::UtmCampaign, "utm_campaign"), (Field::Bot, "Bots")]
            }
            Kind::OrderEvents => &[(Field::Event, "Event"), (Field::Group, "Network")],
        }
    }
}

/// A choice of a filter.
pub(super) struct Choice {
    pub(super) word: String,
    pub(super) said: String,
    pub(super) is_chosen: bool,
}

/// A filter, as shown.
pub(super) struct FilterField {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) value: String,
    /// What can be chosen; none where anything can be written.
    pub(super) choices: Vec<Choice>,
}

/// The address, as it was asked.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    list: String,
    pub(super) q: String,
    state: String,
    channel: String,
    group: String,
    name: String,
    how: String,
    utm_source: String,
    utm_campaign: String,
    bot: String,
    event: String,
    conversion_id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) after: Option<String>,
}

/// What was asked for, read.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) kind: Kind,
    pub(super) page: Page,
}

impl Chosen {
    /// Nothing of a list.
    pub(super) fn nothing(kind: Kind) -> Self {
        Self { kind, page: Page::first(1) }
    }

    /// The query of the same rows, as the API takes it.
    pub(super) fn api_query(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (field, value) in &self.page.filter.only {
            query.append_pair(field.as_str(), value);
        }
        for (name, at) in [("from", self.page.filter.from), ("to", self.page.filter.until)] {
            let at = at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
            if let Some(at) = at {
                query.append_pair(name, &at.to_string());
            }
        }
        query.finish()
    }
}

impl Asked {
    /// The list; postbacks where none is named that there is.
    pub(super) fn kind(&self) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.word() == self.list).unwrap_or(Kind::Postbacks)
    }

    fn value(&self, field: Field) -> &str {
        match field {
            Field::State => &self.state,
            Field::Channel => &self.channel,
            Field::Group => &self.group,
            Field::Name => &self.name,
            Field::How => &self.how,
            Field::UtmSource => &self.utm_source,
            Field::UtmCampaign => &self.utm_campaign,
            Field::Bot => &self.bot,
            Field::Event => &self.event,
            Field::ConversionId => &self.conversion_id,
            _ => "",
        }
        .trim()
    }

    /// The filters that are set.
    fn only(&self) -> Vec<(Field, String)> {
        let kind = self.kind();
        let fields = kind.filters().iter().map(|(field, _)| *field);
        let of_one = (kind == Kind::Postbacks).then_some(Field::ConversionId);
        fields
            .chain(of_one)
            .map(|field| (field, self.value(field).replace('\0', "")))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// Whether anything is left out.
    pub(super) fn is_filtered(&self) -> bool {
        !self.only().is_empty() || !self.from.trim().is_empty() || !self.to.trim().is_empty()
    }

    /// Reads it.
    ///
    /// # Errors
    /// A sentence that says what cannot be.
    pub(super) fn chosen(&self, entries: usize) -> Result<Chosen, String> {
        let kind = self.kind();
        let only = self.only();
        for (field, value) in &only {
            let words = kind.list().words(*field);
            if let Some(words) = words.filter(|words| !words.contains(&value.as_str())) {
                return Err(format!("{} is one of {}.", field.as_str(), words.join(", ")));
            }
        }
        let time = |name: &str, text: &str, is_end: bool| match text.trim() {
            "" => Ok(None),
            text => moment(text, is_end)
                .map(Some)
                .ok_or_else(|| format!("{name} is a day like 2026-01-31 or a time like 2026-01-31T12:00, in UTC.")),
        };
        let (from, until) = (time("From", &self.from, false)?, time("To", &self.to, true)?);
        let after = self.after.clone().filter(|cursor| Place::parse(cursor).is_ok());
        Ok(Chosen { kind, page: Page { after, filter: Filter { from, until, only }, ..Page::first(entries) } })
    }

    /// The address of the same, from this place on.
    pub(super) fn query(&self, after: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("list", self.kind().word());
        for (field, value) in self.only() {
            query.append_pair(field.as_str(), &value);
        }
        for (name, value) in [("from", &self.from), ("to", &self.to)] {
            if !value.trim().is_empty() {
                query.append_pair(name, value.trim());
            }
        }
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        query.finish()
    }

    /// The filters of the list, as shown.
    pub(super) fn fields(&self, groups: &[String]) -> Vec<FilterField> {
        let kind = self.kind();
        let field = |(field, label): &(Field, &'static str)| {
            let value = self.value(*field).to_owned();
            let words: Vec<(String, String)> = match (kind.list().words(*field), field) {
                (Some(_), Field::State) => said(&PostbackState::ALL.map(PostbackState::as_str), |word| word.to_owned()),
                (Some(_), Field::Channel) => said(&Channel::ALL.map(Channel::as_str), |word| word.to_owned()),
                (Some(words), Field::How) => said(&words, |word| how_opened(word).to_owned()),
                (Some(_), Field::Bot) => {
                    vec![("true".to_owned(), "bots alone".to_owned()), ("false".to_owned(), "without bots".to_owned())]
                }
                (_, Field::Group) => groups.iter().map(|group| (group.clone(), group.clone())).collect(),
                _ => Vec::new(),
            };
            let choice = |(word, said): (String, String)| Choice { is_chosen: word == value, word, said };
            FilterField {
                name: field.as_str(),
                label,
                choices: words.into_iter().map(choice).collect(),
                value: value.clone(),
            }
        };
        let mut fields: Vec<FilterField> = kind.filters().iter().map(field).collect();
        if kind == Kind::Postbacks && !self.value(Field::ConversionId).is_empty() {
            let value = self.value(Field::ConversionId).to_owned();
            let name = Field::ConversionId.as_str();
            fields.push(FilterField { name, label: "Conversion", value, choices: Vec::new() });
        }
        fields
    }
}

fn said(words: &[&str], say: impl Fn(&str) -> String) -> Vec<(String, String)> {
    words.iter().map(|word| ((*word).to_owned(), say(word))).collect()
}

/// A moment in UTC: a day, or a day and a time. The end of a range is meant with the whole of what it names.
fn moment(text: &str, is_end: bool) -> Option<Millis> {
    let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp().as_millisecond());
    match text.len() {
        10 => {
            let day: Date = text.parse().ok()?;
            let day = if is_end { day.tomorrow().ok()? } else { day };
            utc(day.at(0, 0, 0, 0))
        }
        16 | 19 => {
            let at: DateTime = text.replace(' ', "T").parse().ok()?;
            let whole = match (is_end, text.len()) {
                (false, _) => 0,
                (true, 16) => 60_000,
                (true, _) => 1000,
            };
            utc(at)?.checked_add(whole)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_or_a_minute_at_the_end_is_meant_whole() {
        assert_eq!(moment("1970-01-02", false), Some(86_400_000));
        assert_eq!(moment("1970-01-01", true), Some(86_400_000));
        assert_eq!(moment("1970-01-01T00:01", false), Some(60_000));
        assert_eq!(moment("1970-01-01T00:01", true), Some(120_000));
        assert_eq!(moment("1970-01-01 00:01:05", true), Some(66_000));
        for wrong in ["1970-02-30", "yesterday", "1970-01-01T25:00", "01.02.1970", ""] {
            assert_eq!(moment(wrong, false), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_told_and_what_belongs_to_another_list_is_passed_over() {
        let asked = |list: &str, state: &str| Asked { list: list.into(), state: state.into(), ..Asked::default() };
        assert!(asked("postbacks", "lost").chosen(5).expect_err("no state").starts_with("state is one of accepted"));
        assert!(asked("clicks", "lost").chosen(5).expect("fine").page.filter.only.is_empty());
        assert_eq!(asked("nothing", "").kind(), Kind::Postbacks);
        let from = Asked { from: "soon".into(), ..Asked::default() };
        assert!(from.chosen(5).expect_err("no time").starts_with("From is a day like"));
    }

    #[test]
    fn the_address_of_what_is_older_keeps_the_filters() {
        let asked =
            Asked { list: "events".into(), name: "Page View&".into(), from: "2026-01-31".into(), ..Asked::default() };
        assert_eq!(asked.query(Some("5_0190")), "list=events&name=Page+View%26&from=2026-01-31&after=5_0190");
        let chosen = asked.chosen(5).expect("fine");
        assert_eq!(chosen.api_query(), "name=Page+View%26&from=2026-01-31T00%3A00%3A00Z");
    }
}
