-- Visitors that were erased. Of each visit and visitor a hash is kept, so that what their browsers still send is known and not taken:
-- who holds such an id can tell that it was erased, and nobody can tell the id from the hash.
CREATE TABLE erased_ids (
    site_id   TEXT NOT NULL REFERENCES sites (site_id),
    hash      BLOB NOT NULL,
    erased_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, hash)
) STRICT, WITHOUT ROWID;

-- What the conversions of erased visitors are credited to. In the place of their sub-ids stands a token, a hash, and under it is kept
-- when the visit began and the click happened, and what reports tell credit apart by: campaign parameters, the names of ad click
-- parameters without their values, addresses without their queries.
CREATE TABLE erased_credits (
    site_id      TEXT NOT NULL REFERENCES sites (site_id),
    token        TEXT NOT NULL,
    own_place    INTEGER NOT NULL,
    began        INTEGER NOT NULL,
    clicked_at   INTEGER,
    source       TEXT NOT NULL,
    click_ids    TEXT NOT NULL,
    landing_page TEXT NOT NULL,
    referrer     TEXT,
    country      TEXT,
    device       TEXT,
    page         TEXT,
    href         TEXT,
    PRIMARY KEY (site_id, token)
) STRICT, WITHOUT ROWID;

-- The visits that have a part in that credit by other models than that of the click, where there are several: in the order of time.
CREATE TABLE erased_touches (
    site_id      TEXT NOT NULL REFERENCES sites (site_id),
    token        TEXT NOT NULL,
    place        INTEGER NOT NULL,
    began        INTEGER NOT NULL,
    source       TEXT NOT NULL,
    click_ids    TEXT NOT NULL,
    landing_page TEXT NOT NULL,
    referrer     TEXT,
    country      TEXT,
    device       TEXT,
    PRIMARY KEY (site_id, token, place)
) STRICT, WITHOUT ROWID;

-- Postbacks that tell no conversion: few, and looked through for what they tell of a visitor.
CREATE INDEX postbacks_without_conversion ON postbacks (site_id, id) WHERE conversion_id IS NULL;
