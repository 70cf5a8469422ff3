-- A redelivered event that a process is attempting, or died of: the next process attempts it last. The row is deleted when the
-- event is applied.
CREATE TABLE suspects (
    listener     text        NOT NULL,
    event_id     uuid        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 1,
    attempted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (listener, event_id)
);
