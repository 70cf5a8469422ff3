//! The system tests: the real programs on a real broker and real databases. Each module proves one promise.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod delivery;
mod edge;
mod events;
mod operations;
mod security;
