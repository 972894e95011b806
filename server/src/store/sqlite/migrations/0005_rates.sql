-- The euro's reference rates, each as it was published: a decimal text. Days are texts like 2024-06-28, whose order is that of time.
CREATE TABLE rates (
    currency TEXT NOT NULL,
    day      TEXT NOT NULL,
    rate     TEXT NOT NULL,
    PRIMARY KEY (currency, day)
) STRICT, WITHOUT ROWID;

-- The days that have rates, and who was the last to tell something new about them.
CREATE TABLE rate_days (
    day         TEXT NOT NULL PRIMARY KEY,
    source      TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
