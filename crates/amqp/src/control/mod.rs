//! The exchange `control`: requests to processes for their status or another log level, and their answers.

pub mod client;
pub mod log_level;
pub mod monitor;
mod presence;
mod request_channel;
pub mod responder;
