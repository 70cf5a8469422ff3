//! Events: the publisher, a listener's consumer, live subscriptions, and what travels beside an event.

pub mod consumer;
pub mod live_subscription;
pub(crate) mod metadata;
pub mod publisher;
