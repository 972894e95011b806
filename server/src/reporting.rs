//! Answers reports: brings the facts up to date, asks the store what a question needs, and has `reports` make the report of it.

use crate::app::App;
use crate::costs::Cost;
use crate::rates::RateTable;
use crate::reports::comparison::Before;
use crate::reports::{Circumstances, Question, Report, costs, platforms, report};
use crate::settings::SiteSettings;
use crate::store::facts::{Asked, Behind, Dimension, RowsBehind};
use crate::store::{Millis, StoreError};
use crate::totals;
use jiff::{Timestamp, ToSpan};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_protocol::money::Currency;

/// How long a report waits for the facts to be brought up to date.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most combinations of ad click ids that a site is thought to have.
const MOST_CLICK_IDS: usize = 1000;

/// A report, and that of the days it is compared with.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The report.
    pub report: Report,
    /// The days before, if they were asked for and there are any.
    pub before: Option<Before>,
}

/// What a site's questions are read against at this time.
pub fn circumstances(settings: &SiteSettings, now: Millis) -> Circumstances {
    let zone = settings.zone();
    let today = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(zone.clone()).date();
    Circumstances { today, zone, currency: settings.reporting_currency.as_deref().and_then(Currency::parse) }
}

/// Answers a question.
///
/// # Errors
/// The store is not available; or [`StoreError::Busy`] where the facts are not up to date in time, which after an import of millions
/// may take minutes.
pub async fn answer(app: &App, site_id: &str, question: &Question) -> Result<Answer, StoreError> {
    catch_up(app).await?;
    let report = made(app, site_id, question).await?;
    let before = match question.before() {
        // Rows of the days before that are few there may be many here.
        Some(before) => {
            let before = Question { limit: usize::MAX, ..before };
            Some(Before::new(&before, made(app, site_id, &before).await?))
        }
        None => None,
    };
    Ok(Answer { report, before })
}

/// The totals of a question alone; its visitors only if they are asked for, which takes longer.
///
/// # Errors
/// As [`answer`].
pub async fn totals(app: &App, site_id: &str, question: &Question, visitors: bool) -> Result<Report, StoreError> {
    catch_up(app).await?;
    let everything = Question { by: Vec::new(), ..question.clone() };
    told(app, site_id, &everything, visitors).await
}

/// The report of a question alone, without its visitors, which take longer to count.
///
/// # Errors
/// As [`answer`].
pub async fn without_visitors(app: &App, site_id: &str, question: &Question) -> Result<Report, StoreError> {
    catch_up(app).await?;
    told(app, site_id, question, false).await
}

/// The rows behind a figure of a question's totals.
///
/// # Errors
/// As [`answer`].
pub async fn behind(
    app: &App,
    site_id: &str,
    question: &Question,
    of: Behind,
    before: Option<String>,
    limit: usize,
) -> Result<RowsBehind, StoreError> {
    catch_up(app).await?;
    let (asked, _) = asked(app, site_id, question).await?;
    app.store.rows_behind(site_id, asked, of, before, limit).await
}

/// The costs behind a figure of a question's totals: those that it counts any day of, and how much of each, in 10^-6 of its currency.
///
/// # Errors
/// The store is not available.
pub async fn costs_behind(app: &App, site_id: &str, question: &Question) -> Result<Vec<(Cost, i128)>, StoreError> {
    let found = app.store.costs(site_id, question.from, question.to).await?;
    let everything = Question { by: Vec::new(), ..question.clone() };
    let counted = |cost: Cost| {
        let parts = costs::spent(&everything, std::slice::from_ref(&cost), &RateTable::default());
        let amount = parts.iter().flat_map(|part| part.amounts.values()).map(|money| money.cost).sum();
        (!parts.is_empty()).then_some((cost, amount))
    };
    Ok(found.into_iter().filter_map(counted).collect())
}

async fn catch_up(app: &App) -> Result<(), StoreError> {
    match totals::catch_up(&app.store, PATIENCE).await? {
        0 => Ok(()),
        _ => Err(StoreError::Busy),
    }
}

async fn made(app: &App, site_id: &str, question: &Question) -> Result<Report, StoreError> {
    told(app, site_id, question, true).await
}

async fn told(app: &App, site_id: &str, question: &Question, visitors: bool) -> Result<Report, StoreError> {
    let (mut asked, rates) = asked(app, site_id, question).await?;
    asked.visitors &= visitors;
    let found = app.store.groups(site_id, asked).await?;
    let costs = app.store.costs(site_id, question.from, question.to).await?;
    let spent = costs::spent(question, &costs, &rates);
    Ok(report(question, found, spent, &app.clicks))
}

async fn asked(app: &App, site_id: &str, question: &Question) -> Result<(Asked, Arc<RateTable>), StoreError> {
    // A day of the zone may lie on the day before or after in UTC, by which rates go.
    let from = question.from.checked_sub(1.day()).unwrap_or(question.from);
    let to = question.to.tomorrow().unwrap_or(question.to);
    let rates = Arc::new(RateTable::new(app.store.rates_between(from, to).await?));
    let has_platforms = question.conditions.iter().any(|condition| condition.dimension == Dimension::ClickIds);
    let click_ids = match has_platforms {
        true => app.store.values(site_id, Dimension::ClickIds, MOST_CLICK_IDS).await?,
        false => Vec::new(),
    };
    let asked = question.asked(Arc::clone(&rates), &click_ids, |names| platforms(names, &app.clicks));
    Ok((asked, rates))
}
