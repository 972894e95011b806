-- Where links lead that may be cloaked: of each the newest answer.
CREATE TABLE links (
    site_id        TEXT NOT NULL REFERENCES sites (site_id),
    id             TEXT NOT NULL,
    url            TEXT NOT NULL,
    tracking_group TEXT,
    forwards       INTEGER,
    resolved       TEXT,
    reason         TEXT NOT NULL,
    hops           TEXT NOT NULL,
    rules          TEXT NOT NULL,
    checked_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    PRIMARY KEY (site_id, id),
    UNIQUE (site_id, url)
) STRICT, WITHOUT ROWID;

-- What goes first when there are too many.
CREATE INDEX links_by_worth ON links (site_id, tracking_group IS NOT NULL, id);
