//! What an operator does on the broker: compare the topology, handle dead-lettered messages.

mod cause;
mod dead_letters;
mod operator;
mod queue_browser;
mod queue_watch;
mod upgrade;

pub use crate::admin::cause::Cause;
pub use crate::admin::dead_letters::DeadLetters;
pub use crate::admin::operator::Operator;
pub use crate::admin::queue_browser::{BrowsedMessage, Held, QueueBrowser};
pub use crate::admin::queue_watch::QueueWatch;
pub use crate::admin::upgrade::Upgrade;
