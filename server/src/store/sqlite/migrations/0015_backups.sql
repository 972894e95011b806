-- What backups were taken: when each was begun (milliseconds since 1970 UTC), how large it is, and where it was put.
CREATE TABLE backups (
    at     INTEGER NOT NULL PRIMARY KEY,
    bytes  INTEGER NOT NULL,
    folder TEXT    NOT NULL
) STRICT;
