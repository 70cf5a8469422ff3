-- Orders, and the keys by which clients make several requests one.

CREATE TABLE orders (
    id              uuid PRIMARY KEY, -- the id of the request that placed it, so that a redelivery finds its own row
    user_id         text           NOT NULL, -- no foreign key: users live in another service
    title           text           NOT NULL,
    description     text           NOT NULL,
    price           numeric(12, 2) NOT NULL CHECK (price > 0),
    order_reference text,
    created_at      timestamptz    NOT NULL DEFAULT now(),
    updated_at      timestamptz    NOT NULL DEFAULT now()
);

-- Lists are read newest first, a page at a time, from a known place.
CREATE INDEX orders_by_user ON orders (user_id, created_at DESC, id DESC);

-- A key is remembered for a day at least; the sweep is part of claiming another one.
CREATE TABLE idempotency_keys (
    user_id     text        NOT NULL,
    operation   text        NOT NULL, -- the pattern
    key         text        NOT NULL, -- the client's Idempotency-Key
    fingerprint bytea       NOT NULL, -- SHA-256 of the payload it first came with
    order_id    uuid        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, operation, key)
);
