//! Past conversions from a file: `POST .../import`, a dry run or a job.

use super::sent_file::{self, whole};
use super::settings::existing;
use super::shapes::job_json;
use crate::app::SharedApp;
use crate::audit;
use crate::csv::import::Choices;
use crate::http::error::Error;
use crate::http::operator::Changing;
use crate::importing::rehearsal::{RehearsalError, rehearse};
use crate::importing::{ImportError, Importer};
use crate::jobs::import;
use crate::settings::SiteSettings;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// Takes a file of past conversions: answers what would become of it, or the job that brings it in.
pub(super) async fn receive(
    Changing(who): Changing,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Error> {
    let site = existing(&app, &site_id).await?;
    let (choices, dry_run) = choices(query.as_deref().unwrap_or_default())?;
    let file = whole(&headers, body, app.config.limits.import_mb, Some("limits.import_mb")).await?;
    let settings = SiteSettings::of(&site)?;
    let imports = crate::groups::imports().map_err(Error::broken)?;
    let importer = Importer { groups: &app.groups, imports: &imports, vault: &app.vault, settings: &settings };
    if dry_run {
        let told = rehearse(importer, app.store.as_ref(), &site_id, &file, &choices).await?;
        return Ok((StatusCode::OK, Json(serde_json::to_value(told).map_err(Error::broken)?)));
    }
    let job = import::job(importer, &site_id, &file, &choices, app.now())?;
    if !app.store.add_job(job.clone()).await? {
        return Err(Error::Refused("an import of this site is under way; wait until it is through".into()));
    }
    app.jobs.ring();
    audit::note(&app, &who, Some(&site_id), "import.begun", json!({ "job_id": job.id, "bytes": file.len() })).await;
    Ok((StatusCode::ACCEPTED, Json(job_json(job))))
}

/// What the query says of the file, and whether it is only to be tried.
fn choices(query: &str) -> Result<(Choices, bool), Error> {
    const KNOWN: &str = "group, format, zone, decimals, dates, without_id and column.<name>";
    let mut choices = Choices::default();
    let dry_run = sent_file::choices(query, KNOWN, |name, value| choices.set(name, value))?;
    Ok((choices, dry_run))
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Refused(sentence) => Error::Refused(sentence),
            ImportError::Vault(error) => error.into(),
            ImportError::Damaged(_) => Error::broken(error),
        }
    }
}

impl From<RehearsalError> for Error {
    fn from(error: RehearsalError) -> Self {
        match error {
            RehearsalError::Import(error) => error.into(),
            RehearsalError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_known_is_refused_by_name() {
        let (choices, dry_run) =
            choices("dry_run=true&group=X&column.Click+ID=cid&zone=Europe%2FBerlin").expect("read");
        assert!(dry_run);
        assert_eq!((choices.group.as_deref(), choices.zone.as_str()), (Some("x"), "Europe/Berlin"));
        assert_eq!(choices.columns.get("Click ID").map(String::as_str), Some("cid"));
        for query in ["dryrun=true", "dry_run=yes", "zone=Mars", "decimals=dot", "dates=x", "without_id=maybe"] {
            let error = super::choices(query).expect_err(query).to_string();
            assert!(error.contains(query.split('=').next().unwrap_or_default()), "{error}");
        }
    }
}
