//! People and the tokens of programs.

use super::Sqlite;
use super::failure::Failure;
use super::operators::end_keys_of;
use crate::people::Role;
use crate::store::{ApiToken, KeyKind, Millis, People, StoreError, User, UserChange};
use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params};

#[async_trait]
impl People for Sqlite {
    async fn add_user(&self, user: User) -> Result<bool, StoreError> {
        self.writer
            .write(move |connection| {
                let added = connection
                    .prepare_cached(
                        "INSERT INTO users (id, email, name, role, password_hash, created_at, last_seen_at, disabled)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO NOTHING",
                    )?
                    .execute(params![
                        user.id,
                        user.email,
                        user.name,
                        user.role.as_str(),
                        user.password_hash,
                        user.created_at,
                        user.last_seen_at,
                        user.disabled,
                    ])?;
                Ok(added > 0)
            })
            .await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|connection| all(connection, "SELECT * FROM users ORDER BY email", [], user)).await
    }

    async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| one(connection, "SELECT * FROM users WHERE id = ?", [id], user)).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let email = email.to_owned();
        self.read(move |connection| one(connection, "SELECT * FROM users WHERE email = ?", [email], user)).await
    }

    async fn change_user(&self, id: &str, change: UserChange) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                let changed = match &change {
                    UserChange::Name(name) => connection
                        .prepare_cached("UPDATE users SET name = ?2 WHERE id = ?1")?
                        .execute(params![id, name]),
                    UserChange::Role(role) => connection
                        .prepare_cached("UPDATE users SET role = ?2 WHERE id = ?1")?
                        .execute(params![id, role.as_str()]),
                    UserChange::Password(hash) => connection
                        .prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?
                        .execute(params![id, hash]),
                    UserChange::Disabled(disabled) => connection
                        .prepare_cached("UPDATE users SET disabled = ?2 WHERE id = ?1")?
                        .execute(params![id, disabled]),
                }?;
                let (sessions, links) = match change {
                    UserChange::Name(_) => (false, false),
                    UserChange::Role(_) => (true, false),
                    UserChange::Password(_) | UserChange::Disabled(_) => (true, true),
                };
                if sessions {
                    end_keys_of(connection, &id, KeyKind::Session)?;
                }
                if links {
                    end_keys_of(connection, &id, KeyKind::OneTimeLink)?;
                }
                Ok(changed > 0)
            })
            .await
    }

    async fn remove_user(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        // Their keys go with them: the table says so.
        self.writer
            .write(
                move |connection| Ok(connection.prepare_cached("DELETE FROM users WHERE id = ?")?.execute([id])? > 0),
            )
            .await
    }

    async fn add_token(&self, token: ApiToken) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO api_tokens (id, name, role, hash, created_at, created_by, last_used_at)
                         VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(params![
                        token.id,
                        token.name,
                        token.role.as_str(),
                        token.hash,
                        token.created_at,
                        token.created_by,
                        token.last_used_at,
                    ])?;
                Ok(())
            })
            .await
    }

    async fn tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        self.read(|connection| all(connection, "SELECT * FROM api_tokens ORDER BY id DESC", [], token)).await
    }

    async fn token(&self, hash: &[u8]) -> Result<Option<ApiToken>, StoreError> {
        let hash = hash.to_owned();
        self.read(move |connection| one(connection, "SELECT * FROM api_tokens WHERE hash = ?", [hash], token)).await
    }

    async fn use_token(&self, id: &str, now: Millis) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1 AND coalesce(last_used_at, 0) < ?2",
                    )?
                    .execute(params![id, now])?;
                Ok(())
            })
            .await
    }

    async fn remove_token(&self, id: &str) -> Result<Option<ApiToken>, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| one(connection, "DELETE FROM api_tokens WHERE id = ? RETURNING *", [id], token))
            .await
    }
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    Ok(all(connection, sql, params, read)?.into_iter().next())
}

fn role(row: &Row<'_>) -> Result<Role, Failure> {
    let word: String = row.get("role")?;
    Role::parse(&word).ok_or_else(|| Failure::Unreadable(format!("{word:?} is no role")))
}

fn user(row: &Row<'_>) -> Result<User, Failure> {
    Ok(User {
        id: row.get("id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role: role(row)?,
        password_hash: row.get("password_hash")?,
        created_at: row.get("created_at")?,
        last_seen_at: row.get("last_seen_at")?,
        disabled: row.get("disabled")?,
    })
}

fn token(row: &Row<'_>) -> Result<ApiToken, Failure> {
    Ok(ApiToken {
        id: row.get("id")?,
        name: row.get("name")?,
        role: role(row)?,
        hash: row.get("hash")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        last_used_at: row.get("last_used_at")?,
    })
}
