-- Reports read totals, which are brought up to date from a list of what came or changed. docs/architecture.md tells how.

-- What came or changed since then. Written by triggers, in the transaction of the change itself, so that none is ever missed.
CREATE TABLE report_news (
    seq     INTEGER PRIMARY KEY,
    site_id TEXT NOT NULL,
    what    TEXT NOT NULL,
    id      TEXT NOT NULL
) STRICT;

-- What the totals hold of a conversion: enough to take it out again, whatever became of it and its visits since. Fields that a key
-- is made of are '' where there is nothing.
CREATE TABLE report_entries (
    site_id        TEXT NOT NULL,
    id             TEXT NOT NULL,
    day            INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    tracking_group TEXT NOT NULL,
    product_id     TEXT NOT NULL,
    currency       TEXT NOT NULL,
    goes_back      INTEGER NOT NULL,
    value          INTEGER,
    attributed     INTEGER NOT NULL,
    source         INTEGER,
    shares         TEXT,
    visitor_id     TEXT,
    counted_at     INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

-- What a visit that reports late may have a share in.
CREATE INDEX report_entries_of_a_visitor ON report_entries (site_id, visitor_id, counted_at) WHERE visitor_id IS NOT NULL;

-- Where credited visits came from, each combination once.
CREATE TABLE report_sources (
    id      INTEGER PRIMARY KEY,
    site_id TEXT NOT NULL,
    origin  TEXT NOT NULL,
    UNIQUE (site_id, origin)
) STRICT;

-- What rows of totals share, each combination once: by what, by whose credit, and whether of days or of months; and, of what. Traffic
-- has the kind ''.
CREATE TABLE report_series (
    id        INTEGER PRIMARY KEY,
    site_id   TEXT NOT NULL,
    dimension TEXT NOT NULL,
    model     TEXT NOT NULL,
    per       TEXT NOT NULL,
    UNIQUE (site_id, dimension, model, per)
) STRICT;
CREATE TABLE report_classes (
    id             INTEGER PRIMARY KEY,
    site_id        TEXT NOT NULL,
    kind           TEXT NOT NULL,
    tracking_group TEXT NOT NULL,
    currency       TEXT NOT NULL,
    UNIQUE (site_id, kind, tracking_group, currency)
) STRICT;

-- The totals of days (since 1970) and of months (since 1970). Those of the model `click` are whole, those of the others are what to add
-- to it. Conversions and refunds are millionths; money is whole units and the 10^-6 beyond them apart, so that no sum leaves 64 bits.
CREATE TABLE report_totals (
    series         INTEGER NOT NULL,
    span           INTEGER NOT NULL,
    class          INTEGER NOT NULL,
    value          TEXT NOT NULL,
    visits         INTEGER NOT NULL,
    bots           INTEGER NOT NULL,
    clicks         INTEGER NOT NULL,
    conversions    INTEGER NOT NULL,
    refunds        INTEGER NOT NULL,
    unvalued       INTEGER NOT NULL,
    gross          INTEGER NOT NULL,
    gross_micro    INTEGER NOT NULL,
    refunded       INTEGER NOT NULL,
    refunded_micro INTEGER NOT NULL,
    PRIMARY KEY (series, span, class, value)
) STRICT, WITHOUT ROWID;

-- A visitor's touches before a conversion, the latest first.
CREATE INDEX visits_of_a_visitor ON visits (site_id, visitor_id, min(at, received_at), visit_id) WHERE visitor_id IS NOT NULL;
-- The refunds of a sale, which are credited as it is.
CREATE INDEX conversions_of_a_sale ON conversions (site_id, sale_id) WHERE sale_id IS NOT NULL;

CREATE TRIGGER report_new_visit AFTER INSERT ON visits BEGIN
    INSERT INTO report_news (site_id, what, id) VALUES (NEW.site_id, 'visit', NEW.id);
END;
CREATE TRIGGER report_new_click AFTER INSERT ON clicks BEGIN
    INSERT INTO report_news (site_id, what, id) VALUES (NEW.site_id, 'click', NEW.id);
END;
CREATE TRIGGER report_new_conversion AFTER INSERT ON conversions BEGIN
    INSERT INTO report_news (site_id, what, id) VALUES (NEW.site_id, 'conversion', NEW.id);
END;
CREATE TRIGGER report_changed_conversion
AFTER UPDATE OF at, visit_id, carries, is_test, kind, tracking_group, product_id, value, currency, transaction_type, sale_id, rebill, recurring
ON conversions BEGIN
    INSERT INTO report_news (site_id, what, id) VALUES (NEW.site_id, 'conversion', NEW.id);
END;
CREATE TRIGGER report_gone_conversion AFTER DELETE ON conversions BEGIN
    INSERT INTO report_news (site_id, what, id) VALUES (OLD.site_id, 'conversion', OLD.id);
END;

-- What was there before there were reports.
INSERT INTO report_news (site_id, what, id) SELECT site_id, 'visit', id FROM visits;
INSERT INTO report_news (site_id, what, id) SELECT site_id, 'click', id FROM clicks;
INSERT INTO report_news (site_id, what, id) SELECT site_id, 'conversion', id FROM conversions;
