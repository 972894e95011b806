//! The one mapping from our errors to HTTP. Handlers return [`Error`]; which one where:
//!
//! - [`Error::NotFound`], [`Error::Invalid`], [`Error::Refused`]: the caller has to change something; the sentence says what.
//! - [`Error::TooLarge`], [`Error::TooMany`], [`Error::Later`]: bounds; the sentence names them.
//! - [`Error::Unauthorized`], [`Error::Forbidden`]: who may do what.
//! - [`StoreError`] and [`Error::Broken`]: ours to mend. They are logged with their causes and answered without them.

use crate::app::ChangeError;
use crate::fix::FixError;
use crate::rotation::RotationError;
use crate::settings::SettingsError;
use crate::store::StoreError;
use crate::vault::VaultError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// How long a caller should wait before it tries again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// Longest body of an error answer, in bytes.
const LONGEST_ERROR: usize = 4000;

/// Why a request is not answered as asked. Each holds the sentence for the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The request does not read.
    #[error("{0}")]
    Invalid(String),
    /// The request reads, but cannot be accepted.
    #[error("{0}")]
    Refused(String),
    /// The caller has to say who it is.
    #[error("{0}")]
    Unauthorized(String),
    /// The caller may not.
    #[error("{0}")]
    Forbidden(String),
    /// More than the bound.
    #[error("{0}")]
    TooLarge(String),
    /// Too often.
    #[error("{0}")]
    TooMany(String),
    /// Nothing is wrong with the request, but there is no room for it now.
    #[error("{0}")]
    Later(String),
    /// The route does not know this method.
    #[error("{0}")]
    Method(String),
    /// The path knows these methods alone; what the router does not know is [`Error::Method`], to which it adds them itself.
    #[error("{0}")]
    Only(String, &'static str),
    /// The store did not take or give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something of ours is broken.
    #[error("something is broken here; the log says more")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The sentence of an error answer, kept beside it so that the API can wrap it in JSON.
#[derive(Debug, Clone)]
struct Sentence(String);

impl Error {
    /// Something of ours is broken.
    pub fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error::Broken(error.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Method(_) | Error::Only(..) => StatusCode::METHOD_NOT_ALLOWED,
            Error::Later(_) | Error::Store(StoreError::Busy | StoreError::Unavailable(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::Store(StoreError::Corrupt(_)) | Error::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() && !matches!(self, Error::Later(_)) {
            tracing::error!(error = chain(&self), "request failed");
        }
        let sentence = match &self {
            Error::Store(StoreError::Corrupt(_)) => "something is broken here; the log says more".to_owned(),
            error => error.to_string(),
        };
        let mut response = (status, format!("{sentence}\n")).into_response();
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        if let Error::Only(_, methods) = self {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        response.extensions_mut().insert(Sentence(sentence));
        response
    }
}

/// The error and its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Wraps an error answer in JSON, `{"error": sentence}`: for the API. An answer that is not ours (a query that does not read, a
/// wrong method) tells by its body, or by its status.
pub async fn as_json(response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let sentence = match parts.extensions.get::<Sentence>() {
        Some(Sentence(sentence)) => sentence.clone(),
        None => {
            let text = axum::body::to_bytes(body, LONGEST_ERROR).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            if text.is_empty() { status.canonical_reason().unwrap_or_default().to_lowercase() } else { text }
        }
    };
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    (status, parts.headers, Json(json!({ "error": sentence }))).into_response()
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Invalid(sentence) => Error::Refused(sentence),
            SettingsError::Vault(error) => Error::broken(error),
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        Error::broken(error)
    }
}

impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NoSite => Error::NotFound("there is no such site".into()),
            ChangeError::Settings(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<RotationError> for Error {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::NoSite => Error::NotFound(error.to_string()),
            RotationError::Grace => Error::Refused(error.to_string()),
            RotationError::Vault(error) => error.into(),
            RotationError::Store(error) => error.into(),
        }
    }
}

impl From<FixError> for Error {
    fn from(error: FixError) -> Self {
        match error {
            FixError::Missing(what) => Error::NotFound(what.into()),
            FixError::Refused(sentence) => Error::Refused(sentence),
            FixError::Broken(problem) => Error::broken(problem),
            FixError::Vault(error) => error.into(),
            FixError::Store(error) => error.into(),
        }
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Error::broken(error)
    }
}
