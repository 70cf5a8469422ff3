//! Events: the publisher, a listener's consumer, live subscriptions, and an event's metadata.

pub mod consumer;
pub mod live_subscription;
pub(crate) mod metadata;
pub mod publisher;
