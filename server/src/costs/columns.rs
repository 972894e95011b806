//! What the columns of a file with costs mean: by the words of `columns.toml`, or as somebody says.

use super::is_dimension;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tagwerk_protocol::imports::plain_name;
use tagwerk_protocol::money::Currency;

/// What a column means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// The day it was spent on.
    Day,
    /// The first of several days.
    FirstDay,
    /// The last of several days.
    LastDay,
    /// How much.
    Amount,
    /// Its currency.
    Currency,
    /// For which visits.
    Dimension(String),
}

impl Meaning {
    /// Reads the word; `None` where there is no such meaning.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "day" => Self::Day,
            "first_day" => Self::FirstDay,
            "last_day" => Self::LastDay,
            "amount" => Self::Amount,
            "currency" => Self::Currency,
            word if is_dimension(word) => Self::Dimension(word.to_owned()),
            _ => return None,
        })
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Day => "day",
            Self::FirstDay => "first_day",
            Self::LastDay => "last_day",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Dimension(word) => word,
        }
    }
}

/// The table of words.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    columns: BTreeMap<String, Vec<String>>,
    tool: Vec<Tool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    signs: Vec<String>,
}

// A test reads it, so that it does.
static WORDS: LazyLock<Words> = LazyLock::new(|| toml::from_str(include_str!("columns.toml")).unwrap_or_default());

/// The columns of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Their names in the file.
    pub names: Vec<String>,
    /// What each means; `None` where it is not read.
    pub meanings: Vec<Option<Meaning>>,
    /// The currency that the name of the amount's column tells.
    pub currency: Option<String>,
    /// Whose file it seems to be.
    pub tool: Option<&'static str>,
}

impl Columns {
    /// Finds out what the columns of these names mean; `chosen` says it of some, by the word of the meaning, and by an empty one that a
    /// column is not read.
    ///
    /// # Errors
    /// What was chosen cannot be; the sentence names it.
    pub fn of(header: &[String], chosen: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut meanings: Vec<Option<Meaning>> = vec![None; header.len()];
        // How good the reason for a meaning is, and where it stands: what was said by hand goes before the words, those by their order.
        let mut best: BTreeMap<Meaning, (usize, usize)> = BTreeMap::new();
        for (name, word) in chosen {
            let Some(at) = header.iter().position(|column| column == name) else {
                return Err(format!("the file has no column \"{}\"; it has {}", shortened(name), listed(header)));
            };
            if word.is_empty() {
                continue;
            }
            let meaning = Meaning::parse(word).ok_or_else(|| {
                format!(
                    "column.{}: \"{}\" is nothing that a column can mean; there are day, first_day, last_day, amount, currency, \
                     utm_*, {}",
                    shortened(name),
                    shortened(word),
                    super::DIMENSIONS.join(", ")
                )
            })?;
            if best.insert(meaning.clone(), (0, at)).is_some() {
                return Err(format!("two columns are said to be \"{}\"; one can be", meaning.as_str()));
            }
        }
        for (at, name) in header.iter().enumerate().filter(|(_, name)| !chosen.contains_key(*name)) {
            let Some((meaning, rank)) = known(&bare(name).0) else { continue };
            let is_better = best.get(&meaning).is_none_or(|(before, _)| rank < *before);
            if is_better {
                best.insert(meaning, (rank, at));
            }
        }
        // A file of one day a row may tell the days of the whole report, too.
        if best.contains_key(&Meaning::Day) {
            best.remove(&Meaning::FirstDay);
            best.remove(&Meaning::LastDay);
        }
        for (meaning, (_, at)) in best {
            if let Some(place) = meanings.get_mut(at) {
                *place = Some(meaning);
            }
        }
        let mut columns = Self { names: header.to_vec(), meanings, currency: None, tool: tool(header) };
        columns.currency = columns.place(&Meaning::Amount).and_then(|at| bare(header.get(at)?).1);
        Ok(columns)
    }

    /// Where the column of a meaning stands.
    pub fn place(&self, meaning: &Meaning) -> Option<usize> {
        self.meanings.iter().position(|known| known.as_ref() == Some(meaning))
    }

    /// What is missing to read rows, in words; `None` where nothing is.
    pub fn missing(&self) -> Option<&'static str> {
        let has_day = self.place(&Meaning::Day).or(self.place(&Meaning::FirstDay)).is_some();
        match (has_day, self.place(&Meaning::Amount).is_some()) {
            (true, true) => None,
            (true, false) => Some("what was spent"),
            (false, true) => Some("the day"),
            (false, false) => Some("the day, or what was spent"),
        }
    }

    /// The dimensions, each with its column.
    pub fn dimensions(&self) -> impl Iterator<Item = (&str, usize)> {
        self.meanings.iter().enumerate().filter_map(|(at, meaning)| match meaning {
            Some(Meaning::Dimension(word)) => Some((word.as_str(), at)),
            _ => None,
        })
    }
}

/// The meaning that a name has by the words, and how far down its list that stands.
fn known(name: &str) -> Option<(Meaning, usize)> {
    WORDS.columns.iter().find_map(|(meaning, names)| {
        let rank = names.iter().position(|known| plain_name(known) == plain_name(name))?;
        Some((Meaning::parse(meaning)?, rank + 1))
    })
}

/// Whose file has a header like this.
fn tool(header: &[String]) -> Option<&'static str> {
    let names: Vec<String> = header.iter().map(|name| plain_name(&bare(name).0)).collect();
    let fits = |tool: &&Tool| tool.signs.iter().all(|sign| names.contains(&plain_name(sign)));
    WORDS.tool.iter().find(fits).map(|tool| tool.name.as_str())
}

/// A name without what stands in parentheses at its end, and the currency that stands there.
fn bare(name: &str) -> (String, Option<String>) {
    let inner = name.trim_end().strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    match inner {
        Some((before, inner)) => {
            (before.trim_end().to_owned(), Currency::parse(inner.trim()).map(|code| code.to_string()))
        }
        None => (name.to_owned(), None),
    }
}

fn listed(header: &[String]) -> String {
    let names: Vec<String> = header.iter().take(12).map(|name| format!("\"{}\"", shortened(name))).collect();
    names.join(", ")
}

fn shortened(text: &str) -> &str {
    super::shortened(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    fn read(names: &str, chosen: &[(&str, &str)]) -> Result<String, String> {
        let chosen = chosen.iter().map(|(name, word)| ((*name).to_owned(), (*word).to_owned())).collect();
        let columns = Columns::of(&header(names), &chosen)?;
        let words = columns.meanings.iter().map(|meaning| meaning.as_ref().map_or("-", Meaning::as_str));
        Ok(words.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn the_table_of_words_reads_and_each_name_means_one_thing() {
        let words: Words = toml::from_str(include_str!("columns.toml")).expect("it reads");
        let mut seen = BTreeMap::new();
        for (meaning, names) in &words.columns {
            assert!(Meaning::parse(meaning).is_some(), "{meaning}");
            for name in names {
                assert_eq!(seen.insert(plain_name(name), meaning), None, "{name} stands there twice");
            }
        }
        for sign in words.tool.iter().flat_map(|tool| &tool.signs) {
            assert!(seen.contains_key(&plain_name(sign)), "{sign} is no column that is read");
        }
    }

    #[test]
    fn the_exports_of_the_large_platforms_are_understood() {
        for (names, meanings, tool, currency) in [
            (
                "Campaign name,Ad set name,Ad name,Day,Reporting starts,Reporting ends,Impressions,Amount spent (EUR)",
                "utm_campaign,utm_term,utm_content,day,-,-,-,amount",
                "Meta",
                Some("EUR"),
            ),
            (
                "Reporting starts,Reporting ends,Campaign name,Amount spent (USD)",
                "first_day,last_day,utm_campaign,amount",
                "Meta",
                Some("USD"),
            ),
            (
                "Day,Campaign,Ad group,Currency code,Cost,Clicks",
                "day,utm_campaign,utm_term,currency,amount,-",
                "Google Ads",
                None,
            ),
            ("Gregorian date,Campaign name,Ad group,Spend", "day,utm_campaign,utm_term,amount", "Microsoft", None),
            (
                "Campaign name,Ad group name,By Day,Cost,Currency",
                "utm_campaign,utm_term,day,amount,currency",
                "TikTok",
                None,
            ),
            (
                "Tag;Kampagne;Kosten;Währungscode".replace(';', ",").as_str(),
                "day,utm_campaign,amount,currency",
                "Google Ads",
                None,
            ),
        ] {
            let columns = Columns::of(&header(names), &BTreeMap::new()).expect(names);
            assert_eq!(read(names, &[]).as_deref(), Ok(meanings), "{names}");
            assert_eq!((columns.tool, columns.currency.as_deref()), (Some(tool), currency), "{names}");
        }
        assert_eq!(read("date,campaign,source,cost", &[]).as_deref(), Ok("day,utm_campaign,utm_source,amount"));
    }

    #[test]
    fn what_is_said_by_hand_goes_before_the_words() {
        let names = "Day,Campaign,Campaign ID,Cost,Total cost";
        assert_eq!(read(names, &[]).as_deref(), Ok("day,utm_campaign,-,amount,-"));
        let chosen = [("Campaign ID", "utm_campaign"), ("Total cost", "amount")];
        assert_eq!(read(names, &chosen).as_deref(), Ok("day,-,utm_campaign,-,amount"));
        assert_eq!(read(names, &[("Cost", "")]).as_deref(), Ok("day,utm_campaign,-,-,amount"));
        assert_eq!(read(names, &[("Campaign", "utm_id")]).as_deref(), Ok("day,utm_id,-,amount,-"));
    }

    #[test]
    fn what_cannot_be_chosen_is_told() {
        let problem = |chosen: &[(&str, &str)]| read("Day,Cost", chosen).expect_err("a problem");
        assert!(problem(&[("Spend", "amount")]).contains("\"Day\", \"Cost\""));
        assert!(problem(&[("Cost", "product")]).contains("utm_*"));
        assert!(problem(&[("Cost", "amount"), ("Day", "amount")]).contains("two columns"));
    }

    #[test]
    fn what_is_missing_is_told() {
        let missing = |names: &str| Columns::of(&header(names), &BTreeMap::new()).expect("columns").missing();
        assert_eq!(missing("Day,Cost"), None);
        assert_eq!(missing("Reporting starts,Cost"), None);
        assert_eq!(missing("Day,Clicks"), Some("what was spent"));
        assert_eq!(missing("Cost"), Some("the day"));
        assert_eq!(missing("a,b"), Some("the day, or what was spent"));
    }
}
