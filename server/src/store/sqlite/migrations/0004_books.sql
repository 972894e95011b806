-- What each repeat mode needs, and what replaying needs. Of a postback: which version of its conversion it tells (a hash), that
-- version itself as long as there are several, and what the operator corrected (sealed).
ALTER TABLE postbacks ADD COLUMN content BLOB;
ALTER TABLE postbacks ADD COLUMN reading TEXT;
ALTER TABLE postbacks ADD COLUMN corrections BLOB;

ALTER TABLE conversions ADD COLUMN versions INTEGER NOT NULL DEFAULT 1;
ALTER TABLE conversions ADD COLUMN repeat_mode TEXT NOT NULL DEFAULT 'ignore';
ALTER TABLE conversions ADD COLUMN series TEXT;
ALTER TABLE conversions ADD COLUMN assumed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversions ADD COLUMN rebill INTEGER;
ALTER TABLE conversions ADD COLUMN recurring INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversions ADD COLUMN click_expiry_days INTEGER;
ALTER TABLE conversions ADD COLUMN past INTEGER NOT NULL DEFAULT 0;

DROP INDEX postbacks_of_a_conversion;
CREATE INDEX postbacks_of_a_conversion ON postbacks (site_id, conversion_id, content) WHERE conversion_id IS NOT NULL;

CREATE INDEX conversions_of_a_series ON conversions (site_id, series, id) WHERE series IS NOT NULL;

-- What happened to an order without money: a payment missed, a subscription cancelled or resumed, its last paid day.
CREATE TABLE order_events (
    site_id        TEXT NOT NULL REFERENCES sites (site_id),
    id             TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    tracking_group TEXT NOT NULL,
    order_id       TEXT NOT NULL,
    event          TEXT NOT NULL,
    transaction_id TEXT,
    product_id     TEXT,
    billing_status TEXT,
    sub_id         TEXT,
    is_test        INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_events_of_an_order ON order_events (site_id, tracking_group, order_id, id);

-- Long tasks that go on where they stopped: replays, imports, reconciliations.
CREATE TABLE jobs (
    site_id    TEXT NOT NULL REFERENCES sites (site_id),
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,
    position   TEXT,
    total      INTEGER,
    counts     TEXT NOT NULL,
    problems   TEXT NOT NULL,
    error      TEXT,
    payload    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_open ON jobs (id) WHERE state IN ('waiting', 'running');
