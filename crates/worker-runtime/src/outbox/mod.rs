//! The outbox: how an event is recorded with its cause, and published by the relay. `schema.sql` defines its tables.

pub(crate) mod batch;
pub(crate) mod leadership;
pub(crate) mod record;
pub(crate) mod relay;
pub(crate) mod stats;
