-- Who the visitor is to an ad platform, as much of it as the site keeps: of the visit's first request, and of each click's.
ALTER TABLE visits ADD COLUMN ip TEXT;
ALTER TABLE visits ADD COLUMN user_agent TEXT;
ALTER TABLE clicks ADD COLUMN ip TEXT;
ALTER TABLE clicks ADD COLUMN user_agent TEXT;

-- Where a site's conversions go: one row for each platform that is switched on, with its rules as the settings say, and how
-- sending to it goes. One sender at a time holds its lease.
CREATE TABLE outlets (
    site_id       TEXT NOT NULL REFERENCES sites (site_id),
    platform      TEXT NOT NULL,
    since         INTEGER NOT NULL,
    fingerprint   TEXT NOT NULL,
    everything    INTEGER NOT NULL,
    refunds       INTEGER NOT NULL,
    tests         INTEGER NOT NULL,
    click_params  TEXT NOT NULL,
    types         TEXT NOT NULL,
    events        TEXT NOT NULL,
    max_age       INTEGER NOT NULL,
    min_click_age INTEGER NOT NULL,
    stopped       TEXT,
    failures      INTEGER NOT NULL DEFAULT 0,
    room          INTEGER,
    not_before    INTEGER NOT NULL DEFAULT 0,
    reason        TEXT,
    served_at     INTEGER NOT NULL DEFAULT 0,
    lease         TEXT,
    leased_until  INTEGER NOT NULL DEFAULT 0,
    delivered     INTEGER NOT NULL DEFAULT 0,
    last_success  INTEGER,
    last_trouble  INTEGER,
    PRIMARY KEY (site_id, platform)
) STRICT, WITHOUT ROWID;

-- A conversion, or an event of a page, on its way to one platform. The event id is what platforms tell repeats by, so that what
-- has the same there is one delivery. `exchange` is the last request and its answer, sealed.
CREATE TABLE deliveries (
    site_id       TEXT NOT NULL REFERENCES sites (site_id),
    id            TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    platform      TEXT NOT NULL,
    event_id      TEXT NOT NULL,
    conversion_id TEXT,
    kind          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    state         TEXT NOT NULL,
    reason        TEXT,
    attempts      INTEGER NOT NULL DEFAULT 0,
    not_before    INTEGER NOT NULL,
    deadline      INTEGER NOT NULL,
    receipt       TEXT,
    last_status   INTEGER,
    last_answer   TEXT,
    exchange      BLOB,
    finished_at   INTEGER,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

-- SQLite knows nothing of the rows and takes the primary key before most of these: statements name the index that they need.
CREATE UNIQUE INDEX deliveries_of_an_event ON deliveries (site_id, event_id, platform);
CREATE INDEX deliveries_waiting ON deliveries (site_id, platform, not_before, id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_deadline ON deliveries (deadline) WHERE state IN ('waiting', 'stopped');
CREATE INDEX deliveries_unfinished ON deliveries (site_id, platform, state, id) WHERE state <> 'delivered';
CREATE INDEX deliveries_of_a_conversion ON deliveries (site_id, conversion_id) WHERE conversion_id IS NOT NULL;

-- Up to which row of a table what tells of visitors has been taken out, so that no row is looked at twice.
CREATE TABLE forgotten (
    site_id TEXT NOT NULL REFERENCES sites (site_id),
    rows_of TEXT NOT NULL,
    id      TEXT NOT NULL,
    PRIMARY KEY (site_id, rows_of)
) STRICT, WITHOUT ROWID;
