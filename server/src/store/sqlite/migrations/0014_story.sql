-- What was marked by hand as a test, or as none: what is told of it once more does not change that.
ALTER TABLE conversions ADD COLUMN marked INTEGER NOT NULL DEFAULT 0;

-- What a visit did, in the order of receipt.
CREATE INDEX events_of_a_visit ON events (site_id, visit_id, id);
CREATE INDEX clicks_of_a_visit ON clicks (site_id, visit_id, id);

-- Postbacks in the states that few of them have: an entry for those alone.
CREATE INDEX postbacks_unattributed ON postbacks (site_id, state, id) WHERE state = 'unattributed';
CREATE INDEX postbacks_updated ON postbacks (site_id, state, id) WHERE state = 'updated';
CREATE INDEX postbacks_tests ON postbacks (site_id, state, id) WHERE state = 'test';

-- What happened to orders is looked for without its group, and by transaction.
DROP INDEX order_events_of_an_order;
CREATE INDEX order_events_of_an_order ON order_events (site_id, order_id, tracking_group, id);
CREATE INDEX order_events_of_a_transaction ON order_events (site_id, transaction_id, id) WHERE transaction_id IS NOT NULL;
