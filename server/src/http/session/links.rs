//! One-time links: one that signs in, and one by which a person sets a password.

use super::secret;
use crate::http::operator::token_hash;
use crate::store::{Key, KeyKind, Millis, Operators, StoreError};

/// How long a one-time link may wait to be used, in seconds.
const LINK_SECONDS: i64 = 24 * 60 * 60;

/// Makes a link that signs in once as an owner, within a day.
///
/// # Errors
/// The store does not take it, or the system gives no randomness.
pub async fn new_one_time_link(
    store: &(impl Operators + Sync + ?Sized),
    public_url: &str,
    now: Millis,
) -> Result<String, StoreError> {
    link(store, public_url, now, None).await
}

/// Makes a link by which this person sets a password once, within a day; links the person had before end.
///
/// # Errors
/// The store does not take it, or the system gives no randomness.
pub async fn new_link_of(
    store: &(impl Operators + Sync + ?Sized),
    public_url: &str,
    now: Millis,
    user_id: &str,
) -> Result<String, StoreError> {
    link(store, public_url, now, Some(user_id)).await
}

async fn link(
    store: &(impl Operators + Sync + ?Sized),
    public_url: &str,
    now: Millis,
    user_id: Option<&str>,
) -> Result<String, StoreError> {
    let code = secret().map_err(|error| StoreError::Unavailable(error.into()))?;
    let key = Key {
        kind: KeyKind::OneTimeLink,
        hash: token_hash(&code),
        made_at: now,
        seen_at: now,
        until: now + LINK_SECONDS * 1000,
        user_id: user_id.map(str::to_owned),
        holder: "one-time link".into(),
        browser: None,
    };
    store.add_key(key).await?;
    Ok(format!("{public_url}/sign-in?code={code}"))
}
