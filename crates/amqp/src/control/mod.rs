//! The exchange `control`: status requests to processes, and their answers.

pub mod client;
pub mod responder;
