//! A file that is the body of a request: what the query says of it, and the file itself.

use crate::http::error::Error;
use crate::http::request::{BodyError, body_within, header_text};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use tagwerk_protocol::form;

/// Reads what a query says of a file, and tells whether the file is only to be looked at. `set` takes what it knows by name; `known` is
/// what there is, for whoever asks for something else.
///
/// # Errors
/// Names the parameter, and what it may be.
pub(super) fn choices(
    query: &str,
    known: &str,
    mut set: impl FnMut(&str, &str) -> Result<bool, String>,
) -> Result<bool, Error> {
    let mut dry_run = false;
    for (name, value) in form::pairs(query) {
        match (name.as_str(), value.as_str()) {
            ("dry_run", "true" | "1") => dry_run = true,
            ("dry_run", "false" | "0") => dry_run = false,
            ("dry_run", _) => return Err(Error::Invalid("dry_run must be true or false".into())),
            (name, value) => {
                if !set(name, value).map_err(Error::Invalid)? {
                    return Err(Error::Invalid(format!("{name} is not known here; there are dry_run, {known}")));
                }
            }
        }
    }
    Ok(dry_run)
}

/// The file, of so many million bytes at most; `limit` names the setting that says how many, if one does.
///
/// # Errors
/// It is longer, came in a form, or broke off.
pub(super) async fn whole(
    headers: &HeaderMap,
    body: Body,
    megabytes: usize,
    limit: Option<&str>,
) -> Result<Vec<u8>, Error> {
    if header_text(headers, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("multipart/")) {
        return Err(Error::Invalid("send the file itself as the body (text/csv), not a form with a file in it".into()));
    }
    body_within(megabytes.saturating_mul(1_000_000), body).await.map_err(|error| match error {
        BodyError::TooLarge(_) => {
            let setting = limit.map(|name| format!(" ({name})")).unwrap_or_default();
            Error::TooLarge(format!("the file is longer than {megabytes} MB{setting}"))
        }
        BodyError::Broken => Error::Invalid("the body broke off".into()),
    })
}
