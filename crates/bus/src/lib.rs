//! The wire: everything that knows AMQP 0-9-1 is here and nowhere else.
//!
//! Requests and replies are packets of NestJS's RabbitMQ transport, so that Nest clients can call our workers and our
//! gateway can call Nest services; all else travels in AMQP properties ([`Meta`], [`EventMeta`]). Whoever holds a connection
//! supervises it, an [`Asker`] or a worker's loop over its [`Deliveries`]: any error ends the session, and after a pause a
//! new one is made.
//!
//! Requests: [`Asker`] → [`Deliveries`]. Events: [`Publisher`] → [`Hearing`], and [`Feed`] for those who only watch. How
//! processes fare: [`Control`]. What must exist for all of them: [`topology`].

pub mod ask;
mod backoff;
mod clocks;
mod connection;
pub mod control;
mod deadline;
pub mod deliveries;
mod event_meta;
pub mod feed;
mod foreign;
mod frame_filter;
#[cfg(test)]
mod generated_inputs;
mod grave;
mod header_table;
pub mod hearing;
pub mod inquiry;
mod meta;
pub mod operator;
mod packet;
pub mod publisher;
mod redelivered;
mod reply_address;
mod suspects;
pub mod topology;
mod transport;

/// The names on the wire, for the published contract. Frozen: other systems use them.
pub mod names {
    pub use crate::event_meta::OWNER;
    pub use crate::meta::{CALLER, DEADLINE, IDEMPOTENCY_KEY, REQUEST_ID, SESSION, TRACEPARENT};
    pub use crate::topology::{CONTROL_EXCHANGE, EVENTS_EXCHANGE, PATTERNS_EXCHANGE};
}

pub use ask::{AskError, Asker};
pub use backoff::Backoff;
pub use connection::{AmqpSettings, Broker, Error};
pub use control::Control;
pub use deadline::Deadline;
pub use deliveries::{Deliveries, Delivery, Rank};
pub use event_meta::EventMeta;
pub use feed::{Feed, Shown};
pub use grave::Epitaph;
pub use hearing::{Fate, Heard, Hearing};
pub use inquiry::{Census, Told};
pub use meta::Meta;
pub use operator::{Cause, Found, Graveyard, Held, Look, Operator, Upgrade};
pub use packet::{EventPacket, RequestPacket, encode_fault, encode_response};
pub use publisher::{OutgoingEvent, Publisher};
pub use topology::Depth;
