-- Ids are text and made by the application (UUIDv7: their order is the order of receipt), times are integer milliseconds
-- since 1970 UTC, maps and lists are JSON text, money is an integer of 10^-6 beside the decimals it was written with.

CREATE TABLE sites (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id     TEXT NOT NULL UNIQUE,
    tracking_id TEXT NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL,
    settings    TEXT NOT NULL
) STRICT;

CREATE TABLE visits (
    site_id      TEXT NOT NULL REFERENCES sites (site_id),
    id           TEXT NOT NULL,
    visit_id     TEXT NOT NULL,
    visitor_id   TEXT,
    at           INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    landing_page TEXT NOT NULL,
    referrer     TEXT,
    source       TEXT NOT NULL,
    click_ids    TEXT NOT NULL,
    first_touch  TEXT,
    country      TEXT,
    device       TEXT,
    bot          INTEGER NOT NULL,
    PRIMARY KEY (site_id, id),
    UNIQUE (site_id, visit_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    site_id     TEXT NOT NULL REFERENCES sites (site_id),
    id          TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    visit_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    name        TEXT NOT NULL,
    page        TEXT NOT NULL,
    click_id    TEXT,
    attributes  TEXT NOT NULL,
    PRIMARY KEY (site_id, id),
    UNIQUE (site_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE clicks (
    site_id        TEXT NOT NULL REFERENCES sites (site_id),
    id             TEXT NOT NULL,
    click_id       TEXT NOT NULL,
    visit_id       TEXT NOT NULL,
    at             INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    tracking_group TEXT,
    href           TEXT NOT NULL,
    label          TEXT,
    page           TEXT NOT NULL,
    how            TEXT NOT NULL,
    is_foreign     INTEGER NOT NULL,
    PRIMARY KEY (site_id, id),
    UNIQUE (site_id, click_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE postbacks (
    site_id        TEXT NOT NULL REFERENCES sites (site_id),
    id             TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    tracking_group TEXT NOT NULL,
    channel        TEXT NOT NULL,
    state          TEXT NOT NULL,
    reason         TEXT,
    raw            BLOB NOT NULL,
    conversion_id  TEXT,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX postbacks_of_a_conversion ON postbacks (site_id, conversion_id, state) WHERE conversion_id IS NOT NULL;

-- Of the conversions that share group, transaction id and transaction type, one carries the money: what sums it reads those
-- with `carries = 1 AND is_test = 0`. The value of the others stays, so that it is there should they come to carry it.
CREATE TABLE conversions (
    site_id            TEXT NOT NULL REFERENCES sites (site_id),
    id                 TEXT NOT NULL,
    at                 INTEGER NOT NULL,
    received_at        INTEGER NOT NULL,
    state              TEXT NOT NULL,
    reason             TEXT,
    click_id           TEXT,
    visit_id           TEXT,
    lead_visit         TEXT,
    sale_id            TEXT,
    carries            INTEGER NOT NULL,
    overdrawn          INTEGER NOT NULL,
    tracking_group     TEXT NOT NULL,
    identity           TEXT NOT NULL,
    content            TEXT NOT NULL,
    kind               TEXT NOT NULL,
    type_sent          TEXT,
    value              INTEGER,
    value_decimals     INTEGER,
    currency           TEXT,
    affiliate          INTEGER,
    affiliate_decimals INTEGER,
    vendor             INTEGER,
    vendor_decimals    INTEGER,
    brutto             INTEGER,
    brutto_decimals    INTEGER,
    netto              INTEGER,
    netto_decimals     INTEGER,
    transaction_id     TEXT,
    transaction_type   TEXT NOT NULL,
    order_type         TEXT,
    billing_type       TEXT,
    billing_status     TEXT,
    order_id           TEXT,
    product_id         TEXT,
    product_name       TEXT,
    sub_id             TEXT,
    custom             TEXT NOT NULL,
    sent_at            INTEGER,
    is_test            INTEGER NOT NULL,
    notes              TEXT NOT NULL,
    PRIMARY KEY (site_id, id),
    UNIQUE (site_id, identity)
) STRICT;

-- What waits for a visit or a click that has not been heard of.
CREATE INDEX conversions_of_a_visit ON conversions (site_id, lead_visit, click_id) WHERE lead_visit IS NOT NULL;
-- What joins refunds to sales; tests take no part, and of each transaction only what carries its money.
CREATE INDEX conversions_of_an_order ON conversions (site_id, tracking_group, order_id, transaction_type)
    WHERE order_id IS NOT NULL AND is_test = 0 AND carries = 1;
CREATE INDEX conversions_of_a_transaction ON conversions (site_id, tracking_group, transaction_id, transaction_type, carries)
    WHERE transaction_id IS NOT NULL AND is_test = 0;
CREATE INDEX conversions_of_a_click ON conversions (site_id, tracking_group, click_id, product_id, transaction_type)
    WHERE click_id IS NOT NULL AND product_id IS NOT NULL AND is_test = 0 AND carries = 1;

-- Hashes of the operator's secrets.
CREATE TABLE admin_token (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE keys (
    kind       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    good_until INTEGER NOT NULL,
    PRIMARY KEY (kind, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_by_end ON keys (good_until);

-- What the readiness check writes.
CREATE TABLE pulse (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    beat INTEGER NOT NULL,
    room BLOB
) STRICT;
