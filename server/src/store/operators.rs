//! The ways in: the admin token, one-time links, sessions.

use super::{Millis, StoreError};
use async_trait::async_trait;

/// A secret that opens something for a while. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What it opens.
    pub kind: KeyKind,
    /// The hash of the secret.
    pub hash: Vec<u8>,
    /// When it was made.
    pub made_at: Millis,
    /// When it was last used; known to the minute.
    pub seen_at: Millis,
    /// Until when it is good.
    pub until: Millis,
    /// The person it belongs to; without one it is an owner's.
    pub user_id: Option<String>,
    /// Who it speaks for where it belongs to no person, as the trail says it.
    pub holder: String,
    /// The browser it was made for, roughly.
    pub browser: Option<String>,
}

/// What a kept secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Signs in once; where it belongs to a person, sets that person's password.
    OneTimeLink,
    /// Keeps signed in.
    Session,
}

impl KeyKind {
    /// The word, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::OneTimeLink => "one_time_link",
            KeyKind::Session => "session",
        }
    }
}

/// The ways in. Only hashes are kept.
#[async_trait]
pub trait Operators {
    /// The hash of the admin token, if one was made.
    async fn admin_token_hash(&self) -> Result<Option<Vec<u8>>, StoreError>;
    /// Replaces the admin token's hash and ends every session.
    async fn set_admin_token_hash(&self, hash: Vec<u8>) -> Result<(), StoreError>;
    /// Keeps a key. A one-time link of a person takes the place of those the person had. `false` where the person is gone.
    async fn add_key(&self, key: Key) -> Result<bool, StoreError>;
    /// The key with this hash, if it is kept and still good.
    async fn key(&self, kind: KeyKind, hash: &[u8], now: Millis) -> Result<Option<Key>, StoreError>;
    /// Removes such a key and gives it if it was there and still good, so that of two callers only one gets it.
    async fn take_key(&self, kind: KeyKind, hash: &[u8], now: Millis) -> Result<Option<Key>, StoreError>;
    /// Notes that a session was used now, and with it its person.
    async fn see_session(&self, hash: &[u8], now: Millis) -> Result<(), StoreError>;
    /// The sessions of a person, or with `None` those that belong to nobody; the one last used first.
    async fn sessions_of(&self, user_id: Option<&str>, now: Millis) -> Result<Vec<Key>, StoreError>;
    /// Ends those sessions but the one with this hash; how many.
    async fn end_other_sessions(&self, user_id: Option<&str>, but: &[u8]) -> Result<usize, StoreError>;
}
