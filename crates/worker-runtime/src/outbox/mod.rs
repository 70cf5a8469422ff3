//! The outbox: how an event is recorded with its cause, published by the relay, and pruned.

pub(crate) mod leadership;
pub(crate) mod prune;
pub(crate) mod record;
pub(crate) mod relay;
pub(crate) mod stats;
