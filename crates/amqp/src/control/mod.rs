//! The exchange `control`: a process is asked how it fares, and answers.

pub mod client;
pub mod responder;
