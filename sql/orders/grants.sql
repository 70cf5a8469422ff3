-- The privileges of each process of the order service in its database: those that its statements need, and no others.
--
-- orders-migrate, which owns the tables, applies this file at every start, after the migrations. It first revokes all earlier
-- grants, so only the grants below exist. Roles are named like the processes. A new process needs a block.

-- orders.create places an order, or finds the one of its idempotency key, prunes old keys, and records the event.
GRANT SELECT, INSERT ON orders TO "orders-create";
-- Pruning locks the keys, which needs UPDATE.
GRANT SELECT, INSERT (user_id, operation, key, fingerprint, order_id), UPDATE (created_at), DELETE
    ON idempotency_keys TO "orders-create";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox_pending TO "orders-create";
GRANT USAGE ON SEQUENCE outbox_seq_seq TO "orders-create";
GRANT INSERT (id, name, aggregate, owner, data, request_id, traceparent) ON outbox TO "orders-create"; -- for the previous release

-- orders.list
GRANT SELECT ON orders TO "orders-list";

-- orders.get
GRANT SELECT ON orders, customers TO "orders-get";

-- orders.history shows the events of an order to its owner.
GRANT SELECT (id, user_id, created_at) ON orders TO "orders-history";
GRANT SELECT (seq, id, name, aggregate, created_at, published_at, published_seq, failed_at) ON outbox TO "orders-history";
GRANT SELECT (seq, id, name, aggregate, created_at) ON outbox_pending TO "orders-history";
GRANT SELECT (marked) ON outbox_sequence TO "orders-history";

-- orders.events shows recorded events to their owner.
GRANT SELECT (id, name, owner, data, created_at, published_seq) ON outbox TO "orders-events";

-- orders.on_user_registered stores customers, and keeps inbox rows for as long as their events may be redelivered. Pruning
-- them locks them, which needs UPDATE.
GRANT SELECT (user_id), INSERT (user_id, email, first_name, last_name) ON customers TO "orders-on-user-registered";
GRANT SELECT, INSERT (listener, event_id), UPDATE (applied_at), DELETE ON inbox TO "orders-on-user-registered";
GRANT SELECT, INSERT (listener, event_id), UPDATE (attempts, attempted_at), DELETE ON suspects TO "orders-on-user-registered";

-- orders.on_user_updated likewise.
GRANT SELECT, INSERT, UPDATE (email, first_name, last_name, version) ON customers TO "orders-on-user-updated";
GRANT SELECT, INSERT (listener, event_id), UPDATE (applied_at), DELETE ON inbox TO "orders-on-user-updated";
GRANT SELECT, INSERT (listener, event_id), UPDATE (attempts, attempted_at), DELETE ON suspects TO "orders-on-user-updated";

-- The relay leads, numbers recorded events by moving them, publishes them, marks or sets them aside, and prunes them later.
-- UPDATE on the view, which cannot be updated, is the privilege to lock it. For the previous release's relay it may update
-- what that updates.
GRANT SELECT, INSERT, DELETE ON outbox_pending TO "orders-relay";
GRANT SELECT (seq, id, name, aggregate, owner, data, request_id, traceparent, created_at, published_at, published_seq,
              failed_at),
      INSERT, UPDATE (published_at, published_seq, failed_at, error), DELETE ON outbox TO "orders-relay";
GRANT SELECT, UPDATE (term, last, marked) ON outbox_sequence TO "orders-relay";
GRANT UPDATE ON relay_leadership TO "orders-relay";
