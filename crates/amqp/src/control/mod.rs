//! The exchange `control`: requests to processes for their status, their spans or another log level, and their answers.

pub mod client;
pub mod find_trace;
pub mod log_level;
pub mod monitor;
mod presence;
mod request_channel;
pub mod responder;
pub(crate) mod span_collector;
