-- What was spent on ads: on which days (texts like 2026-01-31, whose order is that of time), for which visits (values by the words of
-- reports, as JSON), how much in 10^-6. `source` is the name of the files it came from, and null where it was entered by hand.
CREATE TABLE costs (
    site_id    TEXT NOT NULL REFERENCES sites (site_id),
    id         TEXT NOT NULL,
    first_day  TEXT NOT NULL,
    last_day   TEXT NOT NULL,
    dimensions TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    currency   TEXT NOT NULL,
    source     TEXT,
    note       TEXT,
    added_at   INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX costs_by_day ON costs (site_id, last_day, id);

-- Reports that people keep under a name: what they ask, as in the address of the page.
CREATE TABLE saved_reports (
    site_id    TEXT NOT NULL REFERENCES sites (site_id),
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    query      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (site_id, id),
    UNIQUE (site_id, name)
) STRICT, WITHOUT ROWID;
