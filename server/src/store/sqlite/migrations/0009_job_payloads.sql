-- What a job works from may be a file of many megabytes: each step would write it anew if it stood in the row that the step moves.
CREATE TABLE job_payloads (
    site_id TEXT NOT NULL,
    id      TEXT NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;

INSERT INTO job_payloads (site_id, id, payload) SELECT site_id, id, payload FROM jobs WHERE length(payload) > 0;

ALTER TABLE jobs DROP COLUMN payload;
