//! Everything that knows AMQP 0-9-1.
//!
//! Requests and replies are packets of NestJS's RabbitMQ transport, so that Nest clients can call our workers and our
//! gateway can call Nest services. Everything else travels in AMQP properties ([`RequestMetadata`], [`EventMetadata`]).
//! Each connection is supervised by its user, an [`RpcClient`] or a worker's loop over its [`RpcConsumer`]: any error
//! ends the session, and a new one begins after a pause.
//!
//! Requests: [`RpcClient`] → [`RpcConsumer`]. Events: [`Publisher`] → [`EventConsumer`], and [`LiveSubscription`] for
//! live streams. Status of processes: [`Control`]. What must exist on the broker: [`topology`].

mod address;
pub mod admin;
mod connection;
pub mod control;
pub mod events;
mod failure_headers;
mod foreign;
#[cfg(test)]
mod generated_inputs;
mod headers;
mod packet;
mod protocol;
pub mod rpc;
pub mod topology;
pub mod trace;
mod transport;

/// The names on the wire, for the published contract. Frozen: other systems use them.
pub mod names {
    pub use crate::headers::{
        BUDGET, CALLER, DEADLINE, EXPIRED_TO, IDEMPOTENCY_KEY, OWNER, REQUEST_ID, SEQUENCE, SESSION, TRACEPARENT,
    };
    pub use crate::protocol::{PERSISTENT, TRANSIENT};
    pub use crate::rpc::expired::BEGUN;
    pub use crate::topology::{
        CONTROL_EXCHANGE, EVENTS_EXCHANGE, EXPIRED_EXCHANGE, PATTERNS_EXCHANGE, TELEMETRY_EXCHANGE,
    };
}

/// Our bounds as senders see them, for the published contract.
pub mod bounds {
    pub use crate::connection::LARGEST_MESSAGE;
    pub use crate::control::client::ANSWER_TIMEOUT as STATS_TIMEOUT;
    pub use crate::protocol::DIRECT_REPLY_TO;
    pub use crate::rpc::metadata::{DEFAULT_BUDGET, MARKS};
    pub use crate::rpc::redelivered::MOST_ATTEMPTS;
}

pub use crate::admin::{BrowsedMessage, Cause, DeadLetters, Held, Operator, QueueBrowser, QueueWatch, Upgrade};
pub use crate::connection::{AmqpSettings, Broker, Error};
pub use crate::control::client::{ProcessStatus, SystemStatus};
pub use crate::control::find_trace::find_trace;
pub use crate::control::log_level::{LogLevelOutcome, change_log_level};
pub use crate::control::monitor::Monitor;
pub use crate::control::responder::{Control, StatusConnection, StatusRequest, identify};
pub use crate::events::consumer::{EventConsumer, EventDelivery, FailureOutcome};
pub use crate::events::live_subscription::{LiveEvent, LiveSubscription};
pub use crate::events::metadata::EventMetadata;
pub use crate::events::publisher::{OutgoingEvent, Publisher};
pub use crate::failure_headers::FailureInfo;
pub use crate::packet::{EventPacket, RequestPacket, encode_fault, encode_response};
pub use crate::rpc::client::{RpcClient, RpcError, WaitingRoom};
pub use crate::rpc::consumer::{Delivery, Rank, RpcConsumer};
pub use crate::rpc::deadline::Deadline;
pub use crate::rpc::metadata::RequestMetadata;
pub use crate::topology::Depth;
