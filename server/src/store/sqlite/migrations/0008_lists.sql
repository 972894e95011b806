-- What lists are filtered by, where that would read a whole list.

-- The worklists: few rows, and an entry for those alone. The state is a column so that SQLite, which counts columns where it knows
-- nothing of the rows, takes them before the primary key.
CREATE INDEX postbacks_refused ON postbacks (site_id, state, id) WHERE state = 'refused';
CREATE INDEX conversions_unattributed ON conversions (site_id, state, received_at) WHERE state = 'unattributed';
CREATE INDEX conversions_tests ON conversions (site_id, state, received_at) WHERE state = 'test';

-- Conversions by time: two small entries each, on the table that has the fewest rows. Other lists find a time of receipt by their ids.
CREATE INDEX conversions_by_receipt ON conversions (site_id, received_at);
CREATE INDEX conversions_by_time ON conversions (site_id, at);

-- An order or a transaction is also looked for without its group, and among what does not carry its money. What joins refunds to sales
-- gives all of these columns, so their order is the same to it.
DROP INDEX conversions_of_an_order;
CREATE INDEX conversions_of_an_order ON conversions (site_id, order_id, tracking_group, is_test, carries, transaction_type)
    WHERE order_id IS NOT NULL;
DROP INDEX conversions_of_a_transaction;
CREATE INDEX conversions_of_a_transaction ON conversions (site_id, transaction_id, tracking_group, is_test, carries, transaction_type)
    WHERE transaction_id IS NOT NULL;
