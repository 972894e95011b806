-- People who sign in, tokens for programs, and the trail of what both did.

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,
    password_hash TEXT,
    created_at    INTEGER NOT NULL,
    last_seen_at  INTEGER,
    disabled      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- Who did it may be gone, and so may the site: the trail stays as it was written.
CREATE TABLE audit (
    id      TEXT PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    user_id TEXT,
    site_id TEXT,
    act     TEXT NOT NULL,
    about   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_in_order ON audit (at, id);
CREATE INDEX audit_of_somebody ON audit (who, at, id);
CREATE INDEX audit_of_a_site ON audit (site_id, at, id);
CREATE INDEX audit_of_an_act ON audit (act, at, id);

-- A key that belongs to a person goes with the person; one that belongs to nobody speaks for its holder.
ALTER TABLE keys ADD COLUMN user_id TEXT REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE keys ADD COLUMN holder TEXT NOT NULL DEFAULT 'admin token';
ALTER TABLE keys ADD COLUMN browser TEXT;
ALTER TABLE keys ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX keys_of_a_person ON keys (user_id, kind);
