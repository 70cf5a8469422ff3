-- The order in which events are published is a number, so that a feed is resumed by it and by no clock.

-- NULL until the leading relay is about to publish the row; 0 for what was published before there were numbers.
ALTER TABLE outbox ADD COLUMN published_seq bigint DEFAULT 0;
ALTER TABLE outbox ALTER COLUMN published_seq DROP DEFAULT;

-- The last number, and the term of the relay that may give out the next: a relay that led before has an older term. Its
-- row lock makes numbers become visible in their order. Everything up to `marked` is published, and marked as such.
CREATE TABLE outbox_sequence (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    term     bigint NOT NULL DEFAULT 0,
    last     bigint NOT NULL DEFAULT 0,
    marked   bigint NOT NULL DEFAULT 0
);
INSERT INTO outbox_sequence DEFAULT VALUES;

-- What a feed may still ask for is numbered in the order that feeds have seen.
WITH recent AS (
    SELECT seq, row_number() OVER (ORDER BY published_at, seq) AS number
    FROM outbox WHERE published_at > now() - interval '1 hour'
), numbered AS (
    UPDATE outbox SET published_seq = recent.number FROM recent WHERE outbox.seq = recent.seq RETURNING recent.number
), last AS (SELECT coalesce(max(number), 0) AS number FROM numbered)
UPDATE outbox_sequence SET last = last.number, marked = last.number FROM last;
UPDATE outbox SET published_seq = NULL WHERE published_at IS NULL;

-- An index that holds what waits for its number and nothing else; those of the numbers hold what has one.
DROP INDEX outbox_unpublished, outbox_published, outbox_by_owner;
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_seq IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_by_number ON outbox (published_seq, seq) WHERE published_seq >= 0;
CREATE INDEX outbox_by_owner ON outbox (owner, published_seq);
