-- Tracking ids that were replaced, and until when each of them still leads to its site.
CREATE TABLE replaced_tracking_ids (
    tracking_id TEXT NOT NULL PRIMARY KEY,
    site_id     TEXT NOT NULL REFERENCES sites (site_id),
    until       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX replaced_tracking_ids_of_a_site ON replaced_tracking_ids (site_id, until);
