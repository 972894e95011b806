//! The health strip: what is known of a site and its server, gathered for judgement.

use super::super::platforms::title;
use crate::app::App;
use crate::disk::space;
use crate::health::{Facts, Sending, Sign, judge};
use crate::outbox::overview::{Standing, overview};
use crate::settings::SiteSettings;
use crate::store::health::Vitals;
use crate::store::{Site, StoreError};

/// What there is to see, judged.
pub(super) struct Strip {
    /// How it stands with everything.
    pub(super) signs: Vec<Sign>,
    /// Whether anything ever came.
    pub(super) started: bool,
}

/// Looks and judges.
pub(super) async fn strip(app: &App, site: &Site, settings: &SiteSettings) -> Result<Strip, StoreError> {
    let now = app.now();
    let store = &app.store;
    let folder = app.config.data_dir.clone();
    let disk = async { Ok(tokio::task::spawn_blocking(move || space(&folder).ok()).await.ok().flatten()) };
    let (vitals, outlets, backup, space) =
        tokio::try_join!(store.vitals(&site.site_id, now), store.outlets(&site.site_id), store.last_backup(), disk)?;
    let platforms = overview(settings, &outlets, now).into_iter().filter(|one| one.standing != Standing::Off);
    let platforms = platforms.map(|one| Sending {
        title: title(&one.name),
        stopped: (one.standing == Standing::Stopped).then(|| one.reason.unwrap_or_default()),
        not_set_up: one.standing == Standing::NotSetUp,
        waiting: one.waiting,
        failed: one.refused.saturating_add(one.expired),
        oldest: one.oldest_unsent,
        name: one.name,
    });
    let started = has_started(&vitals);
    let facts = Facts {
        site_id: site.site_id.clone(),
        vitals,
        platforms: platforms.collect(),
        space,
        backup,
        since: site.created_at,
    };
    Ok(Strip { signs: judge(&facts, now), started })
}

fn has_started(vitals: &Vitals) -> bool {
    vitals.events.last.is_some() || vitals.postbacks.last.is_some()
}
