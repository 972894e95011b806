//! Forgets what a site keeps of its visitors no longer than it says (`privacy.keep_days`): addresses, browsers, and what platforms were told.

use crate::app::App;
use crate::settings::SiteSettings;
use crate::store::{Millis, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// How many rows of each table are changed in one write: others wait for it.
const ROWS: usize = 500;
/// A day, in milliseconds.
const DAY: Millis = 24 * 60 * 60 * 1000;

/// Looks again and again, until the future is dropped.
pub async fn run(app: Arc<App>) {
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        if let Err(error) = look(&app).await {
            tracing::warn!(%error, "what is too old cannot be forgotten");
        }
    }
}

/// Forgets what is too old by now.
///
/// # Errors
/// The store did not take it; the next look goes on there.
pub async fn look(app: &App) -> Result<(), StoreError> {
    for site in app.store.sites().await? {
        let keep = Millis::from(SiteSettings::of(&site)?.privacy.keep_days).saturating_mul(DAY);
        let before = app.now().saturating_sub(keep);
        while app.store.forget(&site.site_id, before, ROWS).await? > 0 {}
    }
    Ok(())
}
