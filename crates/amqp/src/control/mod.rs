//! The exchange `control`: processes are asked for their status, and answer.

pub mod client;
pub mod responder;
