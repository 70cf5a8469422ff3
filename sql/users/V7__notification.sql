-- Whoever records an event tells the relay after the commit: NOTIFY in a transaction keeps others from committing with it.
DROP TRIGGER outbox_filled ON outbox;
DROP FUNCTION outbox_filled;
