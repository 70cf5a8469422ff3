-- The outbox, guarded: only the relay can lead, and what cannot be published stands in nobody's way.

-- Who has this locked publishes the outbox. The right to lock it is the relay's alone. It is a view, for it holds nothing,
-- and unlike a table it needs no vacuum, which a lock that is held for months would keep waiting.
CREATE VIEW relay_leadership AS SELECT 'whoever has locked this publishes the outbox'::text AS meaning;

-- A row that cannot be published is set aside: when, and why.
ALTER TABLE outbox ADD COLUMN failed_at timestamptz, ADD COLUMN error text;

UPDATE outbox SET failed_at = now(), error = 'its name is none of this service''s events'
WHERE published_at IS NULL AND name !~ '^order\.[a-z][a-z_]*$';

DROP INDEX outbox_unpublished;
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_failed ON outbox (failed_at) WHERE failed_at IS NOT NULL;

-- Not for what is there already: that is published, or set aside above.
ALTER TABLE outbox
    ADD CONSTRAINT outbox_name CHECK (name ~ '^order\.[a-z][a-z_]*$' AND length(name) <= 100) NOT VALID,
    ADD CONSTRAINT outbox_data CHECK (octet_length(data) <= 1048576) NOT VALID;
ALTER TABLE inbox
    ADD CONSTRAINT inbox_listener CHECK (listener ~ '^orders\.[a-z][a-z_]*$' AND length(listener) <= 100) NOT VALID;

-- What is older than a day is swept by age.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
