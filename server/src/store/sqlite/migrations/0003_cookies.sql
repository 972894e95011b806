-- What the page told of the ad platforms' cookies, and what was made of the ad click ids for where it tells none: apart, so that the
-- page's own goes first whenever it comes.
ALTER TABLE visits ADD COLUMN cookies TEXT NOT NULL DEFAULT '{}';
ALTER TABLE visits ADD COLUMN built_cookies TEXT NOT NULL DEFAULT '{}';
