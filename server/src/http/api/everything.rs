//! Everything that the server holds of one site, in one ZIP file that opens without Tagwerk: `GET .../export`, and the page of the same
//! name. It is made while it is read: no file on disk, no transaction that lasts, and in memory one part of one list.

mod archive;
mod contents;
mod rows;

use super::settings::existing;
use crate::app::SharedApp;
use crate::audit;
use crate::http::error::Error;
use crate::http::operator::Administrator;
use crate::people::Who;
use crate::store::{Site, StoreError};
use archive::Archive;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

pub(in crate::http) use contents::{FILES, Says, left_out};

/// Exports that are made at once, on the whole server: each keeps a processor busy.
const AT_ONCE: usize = 2;
/// Parts that wait to be sent.
const AHEAD: usize = 1;
/// How long a reader may take for one part before it is taken for gone: it holds one of few places.
const PATIENCE: Duration = Duration::from_secs(120);

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// Why an export breaks off.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Whoever read it has gone.
    #[error("the reader has gone")]
    Gone,
    /// Whoever read it took nothing for too long.
    #[error("the reader took nothing for {} seconds", PATIENCE.as_secs())]
    Stalled,
    /// The store does not give the next part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be written.
    #[error("it cannot be written")]
    Written(#[from] std::io::Error),
}

/// The whole site as a ZIP file.
pub(super) async fn show(
    Administrator(who): Administrator,
    State(app): State<SharedApp>,
    Path(site_id): Path<String>,
) -> Result<Response, Error> {
    let site = existing(&app, &site_id).await?;
    begin(&app, &who, site).await
}

/// Begins an export and notes in the trail who did; the answer's body is made as it is read.
///
/// # Errors
/// As many as may be are being made, the site's settings do not read, or the store is not available.
pub(in crate::http) async fn begin(app: &SharedApp, who: &Who, site: Site) -> Result<Response, Error> {
    let Ok(place) = PLACES.try_acquire() else {
        let sentence =
            "two exports are being read at this moment, and there is room for no more; try again when one is through";
        return Err(Error::Later(sentence.into()));
    };
    let at = Timestamp::now();
    // What may be wrong with the settings is told before anything is answered, and the note is there before anything leaves.
    let settings = contents::settings(&site)?;
    audit::note(app, who, Some(&site.site_id), "site.exported", json!({})).await;
    let file = format!("tagwerk-{}-{}.zip", site.site_id, at.strftime("%Y-%m-%d"));
    let (sender, body) = Channel::new(AHEAD);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let _place = place;
        let (archive, reader) = (Archive::new(at), Reader(sender));
        let mut export = Export { app, site, at, archive, reader, many: 1, lines: Vec::new() };
        match export.write(&settings).await {
            Ok(()) => {}
            Err(trouble @ (Trouble::Gone | Trouble::Stalled)) => {
                tracing::info!(site = export.site.site_id, %trouble, "an export is not read to its end");
                export.reader.0.abort(trouble);
            }
            Err(trouble) => {
                let cause = std::error::Error::source(&trouble);
                tracing::error!(site = export.site.site_id, %trouble, cause, "an export breaks off");
                // The file has no directory then, and the answer no end: nobody can take it for a whole one.
                export.reader.0.abort(trouble);
            }
        }
    });
    let headers: [(HeaderName, String); 4] = [
        (CONTENT_TYPE, "application/zip".into()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
        (CACHE_CONTROL, "no-store".into()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
    ];
    Ok((headers, Body::new(body)).into_response())
}

/// An export that is under way.
struct Export {
    app: SharedApp,
    site: Site,
    /// When it began.
    at: Timestamp,
    archive: Archive,
    reader: Reader,
    /// From so many rows on a file may be larger than ZIP's first form allows.
    many: usize,
    /// How many lines each file has that is written.
    lines: Vec<(&'static str, u64)>,
}

/// Whoever reads it.
struct Reader(Sender<Bytes, Trouble>);

impl Reader {
    /// Hands over a part as soon as there is room for it.
    async fn take(&mut self, part: Bytes) -> Result<(), Trouble> {
        if part.is_empty() {
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, self.0.send_data(part)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Trouble::Gone),
            Err(_) => Err(Trouble::Stalled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_takes_nothing_is_let_go_after_a_while() {
        let (sender, body) = Channel::new(AHEAD);
        let mut reader = Reader(sender);
        reader.take(Bytes::from_static(b"one")).await.expect("there is room");
        let begun = tokio::time::Instant::now();
        let mut trouble = Ok(());
        // How many parts wait on the way is the channel's own affair, but they are few.
        for _ in 0..4 {
            trouble = reader.take(Bytes::from_static(b"more")).await;
            if trouble.is_err() {
                break;
            }
        }
        assert!(matches!(trouble, Err(Trouble::Stalled)), "{trouble:?}");
        assert_eq!(begun.elapsed(), PATIENCE);
        drop(body);
    }

    #[tokio::test]
    async fn a_reader_who_has_gone_is_noticed_at_the_next_part() {
        let (sender, body) = Channel::new(AHEAD);
        drop(body);
        let gone = Reader(sender).take(Bytes::from_static(b"one")).await;
        assert!(matches!(gone, Err(Trouble::Gone)), "{gone:?}");
    }
}
