//! A client of the broker's management API, for what AMQP cannot do: set policies, and read the counters of queues.
//!
//! Calls block the thread. They are few: an operator's command, and the scaler's look at the counters every two seconds.

mod address;
mod client;
mod policies;
mod queues;

pub use crate::client::{Error, Management};
pub use crate::policies::{Difference, definition};
pub use crate::queues::QueueCounters;
