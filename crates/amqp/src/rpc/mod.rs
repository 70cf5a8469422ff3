//! Requests and replies: the client, the consumer, and a request's metadata.

pub mod client;
pub(crate) mod clocks;
pub mod consumer;
pub(crate) mod deadline;
pub(crate) mod expired;
pub(crate) mod isolated_reply;
pub(crate) mod metadata;
pub(crate) mod queue_states;
pub(crate) mod redelivered;
pub(crate) mod reply_address;
