//! The outbox: events are recorded with their cause and published by the relay. `schema.sql` defines its tables.

pub(crate) mod batch;
pub(crate) mod leadership;
pub(crate) mod record;
pub(crate) mod relay;
pub(crate) mod stats;
