//! A dry run: what would become of each row, told and undone. It goes the way a real run goes, up to the commit.

use super::{Became, ImportError, Importer, Line};
use crate::csv::import::Choices;
use crate::store::{Inbox, PostbackState, ReceivedPostback, Said, StoreError};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Most rows of an answer, and most of those that need somebody's eye.
const SHOWN: usize = 500;

/// What a row would become that makes no postback.
pub const PASSED_OVER: &str = "passed_over";
/// What a row would become that does not read.
pub const UNREADABLE: &str = "unreadable";

/// What would become of a file.
#[derive(Debug, Serialize)]
pub struct Rehearsal {
    /// Always: nothing was changed.
    pub dry_run: bool,
    /// The tool whose words the file speaks, if any.
    pub format: Option<String>,
    /// What stands between its cells.
    pub delimiter: &'static str,
    /// The time zone of times without one.
    pub zone: String,
    /// What each column becomes, by group.
    pub columns: BTreeMap<String, Vec<Column>>,
    /// How many rows there are.
    pub rows: u64,
    /// How many would become what.
    pub counts: BTreeMap<String, u64>,
    /// The first rows.
    pub items: Vec<Item>,
    /// The first rows that would not be booked: refused, or not to be read.
    pub problems: Vec<Item>,
}

/// A column, and what it becomes.
#[derive(Debug, Serialize)]
pub struct Column {
    /// Its name in the file.
    pub column: String,
    /// The parameter or meaning; `None` where it is not read.
    pub becomes: Option<String>,
}

/// A row, and what would become of it.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    /// The line of the file it begins on.
    pub line: u64,
    /// `accepted`, `duplicate`, `unattributed`, ...
    pub state: String,
    /// Why.
    pub reason: Option<String>,
}

/// Why a rehearsal was broken off.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The file or what was said of it.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rehearses an import.
///
/// # Errors
/// The file cannot be imported, or the store is not available.
pub async fn rehearse(
    importer: Importer<'_>,
    store: &(impl Inbox + Sync + ?Sized),
    site_id: &str,
    file: &[u8],
    choices: &Choices,
) -> Result<Rehearsal, RehearsalError> {
    let mut opened = importer.open(file, choices)?;
    let mut told = Rehearsal {
        dry_run: true,
        format: None,
        delimiter: opened.sheet.delimiter.as_str(),
        zone: choices.zone.clone(),
        columns: BTreeMap::new(),
        rows: 0,
        counts: BTreeMap::new(),
        items: Vec::new(),
        problems: Vec::new(),
    };
    // What a part books is undone before the next one is read, so what repeats a row of an earlier part is found here.
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut next = Some(opened.sheet.first());
    while let Some(from) = next {
        let part = opened.part(from)?;
        next = part.next;
        let mut arrivals: Vec<ReceivedPostback> = Vec::new();
        let mut items: Vec<Option<Item>> = Vec::new();
        for Line { number, became } in part.lines {
            let item = |state: &str, reason: String| {
                Some(Item { line: number, state: state.to_owned(), reason: Some(reason) })
            };
            items.push(match became {
                Became::PassedOver(reason) => item(PASSED_OVER, reason),
                Became::Unreadable(problem) => item(UNREADABLE, problem),
                Became::Arrival(arrival) => match repeats(&seen, &arrival) {
                    Some(line) => item(PostbackState::Duplicate.as_str(), format!("it repeats line {line}")),
                    None => {
                        if let Ok(Said::Conversion { conversion, .. }) = &arrival.said {
                            seen.entry(conversion.identity.clone()).or_insert(number);
                        }
                        arrivals.push(*arrival);
                        // Filled in once the store has said.
                        Some(Item { line: number, state: String::new(), reason: None })
                    }
                },
            });
        }
        let mut outcomes = store.rehearse_postbacks(site_id, arrivals).await?.into_iter();
        for mut item in items.into_iter().flatten() {
            if item.state.is_empty() {
                let Some(outcome) = outcomes.next() else { break };
                item.state = outcome.state.as_str().to_owned();
                item.reason = outcome.reason;
            }
            told.add(item);
        }
    }
    for (group, columns) in opened.met() {
        told.format = told.format.or_else(|| columns.tool.map(|tool| tool.name.clone()));
        let shown = columns.shown(&opened.sheet.header).into_iter();
        let shown = shown.map(|(column, becomes)| Column { column, becomes }).collect();
        told.columns.insert(group.to_owned(), shown);
    }
    Ok(told)
}

/// The line that a row repeats, if it lies in an earlier part of the file.
fn repeats(seen: &HashMap<String, u64>, arrival: &ReceivedPostback) -> Option<u64> {
    match &arrival.said {
        Ok(Said::Conversion { conversion, .. }) => seen.get(&conversion.identity).copied(),
        _ => None,
    }
}

impl Rehearsal {
    fn add(&mut self, item: Item) {
        self.rows += 1;
        *self.counts.entry(item.state.clone()).or_default() += 1;
        let is_problem = item.state == UNREADABLE || item.state == PostbackState::Refused.as_str();
        if is_problem && self.problems.len() < SHOWN {
            self.problems.push(item.clone());
        }
        if self.items.len() < SHOWN {
            self.items.push(item);
        }
    }
}
