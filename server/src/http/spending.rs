//! Files that tell what was spent, looked at and taken: for the API and the dashboard.

use super::error::Error;
use crate::app::SharedApp;
use crate::audit;
use crate::costs::file::{self, Choices, Refused, Told};
use crate::costs::{Change, Cost, spread, written};
use crate::people::Who;
use jiff::civil::Date;
use serde_json::json;
use std::collections::BTreeMap;
use tagwerk_protocol::money::Amount;

/// A file that was read, and what taking it would change.
pub(super) struct Looked {
    /// What it says.
    pub(super) told: Told,
    /// What would change.
    pub(super) change: Change,
}

/// Looks at a file: nothing is kept. `currency` is that of rows for which nothing tells one.
///
/// # Errors
/// The store is not available; what is wrong with the file is told inside.
pub(super) async fn look(
    app: &SharedApp,
    site_id: &str,
    bytes: Vec<u8>,
    choices: Choices,
    currency: String,
) -> Result<Result<Looked, Refused>, Error> {
    let now = app.now();
    // A long file takes a while: not on a thread that answers others meanwhile.
    let read = move || file::read(&bytes, &choices, &currency, now);
    let told = match tokio::task::spawn_blocking(read).await.map_err(Error::broken)? {
        Ok(told) => told,
        Err(refused) => return Ok(Err(refused)),
    };
    let change = match days(&told.costs) {
        Some((first, last)) => Change::of(&app.store.costs(site_id, first, last).await?, &told.costs),
        None => Change::default(),
    };
    Ok(Ok(Looked { told, change }))
}

/// Keeps what a file says, and writes down who brought it in; how many costs said something new.
///
/// # Errors
/// The store does not take it; nothing is kept then.
pub(super) async fn take(app: &SharedApp, who: &Who, site_id: &str, told: &Told) -> Result<usize, Error> {
    let kept = app.store.add_costs(site_id, told.costs.clone()).await?;
    let days = days(&told.costs).map(|(first, last)| json!([first.to_string(), last.to_string()]));
    let about = json!({ "source": told.source, "days": days, "new": kept, "totals": totals(&told.costs) });
    audit::note(app, who, Some(site_id), "costs.imported", about).await;
    Ok(kept)
}

/// The first and the last day of some costs.
pub(super) fn days(costs: &[Cost]) -> Option<(Date, Date)> {
    let first = costs.iter().map(|cost| cost.first_day).min();
    first.zip(costs.iter().map(|cost| cost.last_day).max())
}

/// What some costs come to, by currency.
pub(super) fn totals(costs: &[Cost]) -> BTreeMap<String, Amount> {
    summed(costs.iter().map(|cost| (cost, cost.amount)))
}

/// What of some costs falls on these days, by currency.
pub(super) fn spent_between(costs: &[Cost], from: Date, to: Date) -> BTreeMap<String, Amount> {
    summed(costs.iter().flat_map(|cost| spread(cost, from, to).into_iter().map(move |(_, part)| (cost, part))))
}

fn summed<'a>(parts: impl Iterator<Item = (&'a Cost, i64)>) -> BTreeMap<String, Amount> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for (cost, part) in parts {
        let sum = sums.entry(cost.currency.clone()).or_default();
        *sum = sum.saturating_add(part);
    }
    sums.into_iter().map(|(currency, sum)| (currency, written(sum))).collect()
}
