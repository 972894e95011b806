-- Reports read facts: narrow rows of numbers, kept in columns. They take the place of the totals. docs/architecture.md tells how.

-- What a visit cost, as its landing page's address says, in 10^-6.
ALTER TABLE visits ADD COLUMN cost INTEGER;
ALTER TABLE visits ADD COLUMN cost_currency TEXT;

-- By what a site's facts are told apart: 'country', 'utm:utm_source', 'custom:sid1', ... `number` is its column, `words` how many
-- values it has.
CREATE TABLE report_dimensions (
    site_id TEXT NOT NULL,
    number  INTEGER NOT NULL,
    name    TEXT NOT NULL,
    words   INTEGER NOT NULL,
    PRIMARY KEY (site_id, number),
    UNIQUE (site_id, name)
) STRICT, WITHOUT ROWID;

-- The values of a dimension, each under a number from 1 on, in the order in which they first came. 0 stands for none.
CREATE TABLE report_words (
    site_id   TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    code      INTEGER NOT NULL,
    word      TEXT NOT NULL,
    PRIMARY KEY (site_id, dimension, code),
    UNIQUE (site_id, dimension, word)
) STRICT, WITHOUT ROWID;

-- The newest facts, one by one, until there are enough of a kind to be sealed. `seq` has no gaps.
CREATE TABLE report_tail (
    site_id TEXT NOT NULL,
    kind    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    fact    BLOB NOT NULL,
    PRIMARY KEY (site_id, kind, seq)
) STRICT, WITHOUT ROWID;

-- Facts that are sealed: so many in one, never changed again. Which quarters of an hour (since 1970 UTC) and which ids they are of
-- tells a question whether it has to look into them.
CREATE TABLE report_segments (
    segment       INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id       TEXT NOT NULL,
    kind          INTEGER NOT NULL,
    facts         INTEGER NOT NULL,
    first_quarter INTEGER NOT NULL,
    last_quarter  INTEGER NOT NULL,
    first_id      BLOB NOT NULL,
    last_id       BLOB NOT NULL
) STRICT;
CREATE INDEX report_segments_of_a_site ON report_segments (site_id, kind, last_quarter);

-- A column of a segment. `place` is segment * 65536 + column: a table by rowid keeps large values best. A column that is not there is 0
-- throughout.
CREATE TABLE report_columns (
    place INTEGER PRIMARY KEY,
    cells BLOB NOT NULL
) STRICT;

-- The facts that stand for a conversion: what to take out should it change.
CREATE TABLE report_held (
    site_id    TEXT NOT NULL,
    id         TEXT NOT NULL,
    visitor_id TEXT,
    counted_at INTEGER NOT NULL,
    facts      BLOB NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;
-- What a visit that reports late may have a share in.
CREATE INDEX report_held_of_a_visitor ON report_held (site_id, visitor_id, counted_at) WHERE visitor_id IS NOT NULL;

-- Facts tell more of a conversion than totals did.
DROP TRIGGER report_changed_conversion;
CREATE TRIGGER report_changed_conversion
AFTER UPDATE OF at, click_id, visit_id, carries, is_test, kind, tracking_group, product_id, value, affiliate, currency, transaction_type,
    order_type, billing_type, billing_status, custom, sale_id, rebill, recurring
ON conversions BEGIN
    INSERT INTO report_news (site_id, what, id) VALUES (NEW.site_id, 'conversion', NEW.id);
END;

-- What was there before there were facts.
DROP TABLE report_totals;
DROP TABLE report_series;
DROP TABLE report_classes;
DROP TABLE report_sources;
DROP TABLE report_entries;
DELETE FROM report_news;
INSERT INTO report_news (site_id, what, id) SELECT site_id, 'visit', id FROM visits;
INSERT INTO report_news (site_id, what, id) SELECT site_id, 'click', id FROM clicks;
INSERT INTO report_news (site_id, what, id) SELECT site_id, 'conversion', id FROM conversions;
