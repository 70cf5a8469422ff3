-- What followed from an order is found by the order.
CREATE INDEX outbox_by_aggregate ON outbox (aggregate);
