//! People who sign in, and tokens of programs.

use super::{Millis, StoreError};
use crate::people::Role;
use async_trait::async_trait;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// UUIDv7.
    pub id: String,
    /// The address they sign in with, in lower case; of no other person.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The hash of their password, once they have set one.
    pub password_hash: Option<String>,
    /// When they were added.
    pub created_at: Millis,
    /// When they were last here; known to the minute.
    pub last_seen_at: Option<Millis>,
    /// Whether they may not sign in for now.
    pub disabled: bool,
}

/// What changes about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// What they are called.
    Name(String),
    /// What they may do; ends their sessions.
    Role(Role),
    /// The hash of their new password; ends their sessions and links.
    Password(String),
    /// Whether they may not sign in; ends their sessions and links.
    Disabled(bool),
}

/// A token by which a program calls the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// UUIDv7.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The hash of the token.
    pub hash: Vec<u8>,
    /// When it was made.
    pub created_at: Millis,
    /// Who made it, as the trail says it.
    pub created_by: String,
    /// When it was last used; known to the minute.
    pub last_used_at: Option<Millis>,
}

/// People and tokens. Only hashes of secrets are kept.
#[async_trait]
pub trait People {
    /// Adds a person; `false` where somebody has that address, in whichever case it is written.
    async fn add_user(&self, user: User) -> Result<bool, StoreError>;
    /// Everybody, by address.
    async fn users(&self) -> Result<Vec<User>, StoreError>;
    /// The person of this id.
    async fn user(&self, id: &str) -> Result<Option<User>, StoreError>;
    /// The person with this address, in whichever case it is written.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;
    /// Changes a person; `false` where there is none.
    async fn change_user(&self, id: &str, change: UserChange) -> Result<bool, StoreError>;
    /// Removes a person with their sessions and links; `false` where there is none.
    async fn remove_user(&self, id: &str) -> Result<bool, StoreError>;
    /// Keeps a token.
    async fn add_token(&self, token: ApiToken) -> Result<(), StoreError>;
    /// Every token, the newest first.
    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError>;
    /// The token with this hash.
    async fn token(&self, hash: &[u8]) -> Result<Option<ApiToken>, StoreError>;
    /// Notes that a token was used now.
    async fn use_token(&self, id: &str, now: Millis) -> Result<(), StoreError>;
    /// Removes a token and gives it; `None` where there is none.
    async fn remove_token(&self, id: &str) -> Result<Option<ApiToken>, StoreError>;
}
