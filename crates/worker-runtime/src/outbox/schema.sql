-- The tables of the outbox and the inbox, as every service's migrations must create them: a test compares.
-- Released migrations never change, so a change here takes a new migration in each service.
-- {service} is the service's name, {subject} what its events are about: orders and order.

-- An event with its number, or set aside. It is published if its number is marked; the relay prunes it later.
CREATE TABLE outbox (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid        NOT NULL UNIQUE, -- the event's identity
    name         text        NOT NULL, -- such as order.created
    aggregate    text        NOT NULL, -- what the event is about; events about the same thing keep their order
    owner        text        NOT NULL, -- the user whom the event concerns
    data         text        NOT NULL, -- JSON, byte for byte as it is published
    request_id   text,
    traceparent  text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz, -- when it was last about to be published
    failed_at    timestamptz, -- set aside, because it cannot be published
    error        text, -- why
    published_seq bigint -- its number in the order of publication, assigned before; 0 for events older than these numbers
);

-- Set to NULL again, or recorded by an earlier release: the relay makes them pending.
CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_seq IS NULL AND failed_at IS NULL;
CREATE INDEX outbox_failed ON outbox (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX outbox_by_number ON outbox (published_seq, seq) WHERE published_seq >= 0;
CREATE INDEX outbox_by_owner ON outbox (owner, published_seq);

-- An event, written by the same statement as the row that it is about, until the relay numbers it: it moves it to `outbox`,
-- where it is written once and not updated. Hence many dead rows, for which vacuum should come early.
CREATE TABLE outbox_pending (
    seq         bigint PRIMARY KEY DEFAULT nextval('outbox_seq_seq'),
    id          uuid        NOT NULL,
    name        text        NOT NULL,
    aggregate   text        NOT NULL,
    owner       text        NOT NULL,
    data        text        NOT NULL,
    request_id  text,
    traceparent text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_pending_name CHECK (name ~ '^{subject}\.[a-z][a-z_]*$' AND length(name) <= 100),
    CONSTRAINT outbox_pending_data CHECK (octet_length(data) <= 1048576)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- The last number, the term of the relay that may assign the next one, and the number up to which events are published.
CREATE TABLE outbox_sequence (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    term     bigint NOT NULL DEFAULT 0,
    last     bigint NOT NULL DEFAULT 0,
    marked   bigint NOT NULL DEFAULT 0
);

-- The leading relay locks this view. It is a view because a table whose lock is held for months could not be vacuumed.
CREATE VIEW relay_leadership AS SELECT 'whoever has locked this publishes the outbox'::text AS meaning;

-- An event that a listener has applied, written in the transaction of its effect.
CREATE TABLE inbox (
    listener   text        NOT NULL,
    event_id   uuid        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (listener, event_id),
    CONSTRAINT inbox_listener CHECK (listener ~ '^{service}\.[a-z][a-z_]*$' AND length(listener) <= 100)
);

CREATE INDEX inbox_by_age ON inbox (applied_at);

-- A redelivered event that a process is attempting, or died of: the next process attempts it last. The row is deleted when the
-- event is applied.
CREATE TABLE suspects (
    listener     text        NOT NULL,
    event_id     uuid        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 1,
    attempted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (listener, event_id)
);
