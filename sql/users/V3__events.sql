-- Events: what is recorded to be told (outbox), what was heard and applied (inbox), and what is kept of it.

-- A row is written together with the row it tells of, and published by the relay. Rows go a while after that.
CREATE TABLE outbox (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           uuid        NOT NULL UNIQUE, -- the event's identity
    name         text        NOT NULL, -- such as order.created
    aggregate    text        NOT NULL, -- what it tells of: events about the same thing keep their order
    owner        text        NOT NULL, -- the user whose business it is
    data         text        NOT NULL, -- JSON, byte for byte as it is published
    request_id   text,
    traceparent  text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);

CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at);
CREATE INDEX outbox_by_owner ON outbox (owner, created_at);

-- Wakes the relay. PostgreSQL sends it when the transaction commits, and only then.
CREATE FUNCTION outbox_filled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER outbox_filled AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_filled();

-- An event that a listener has applied: written in the transaction of its effect, so neither is without the other.
CREATE TABLE inbox (
    listener   text        NOT NULL,
    event_id   uuid        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (listener, event_id)
);

CREATE INDEX inbox_by_age ON inbox (applied_at);

-- What each user has ordered: kept by users.on_order_created.
CREATE TABLE order_statistics (
    user_id     uuid PRIMARY KEY, -- no foreign key: an order may be heard of after its user is gone
    order_count bigint         NOT NULL,
    total_spent numeric(20, 2) NOT NULL
);
