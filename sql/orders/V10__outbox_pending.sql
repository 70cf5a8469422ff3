-- Events wait here until the relay numbers them and moves them to `outbox`. A row is written once there, and not updated
-- twice. `outbox` stays as it is, so that processes of the previous release work on this schema.
CREATE TABLE outbox_pending (
    seq         bigint PRIMARY KEY DEFAULT nextval('outbox_seq_seq'), -- kept in `outbox`
    id          uuid        NOT NULL,
    name        text        NOT NULL,
    aggregate   text        NOT NULL,
    owner       text        NOT NULL,
    data        text        NOT NULL,
    request_id  text,
    traceparent text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_pending_name CHECK (name ~ '^order\.[a-z][a-z_]*$' AND length(name) <= 100),
    CONSTRAINT outbox_pending_data CHECK (octet_length(data) <= 1048576)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- The history of an order shows events that are not published yet.
CREATE INDEX outbox_pending_by_aggregate ON outbox_pending (aggregate);

-- What is moved there has been checked here, and the relay checks everything again.
ALTER TABLE outbox DROP CONSTRAINT outbox_name, DROP CONSTRAINT outbox_data;
