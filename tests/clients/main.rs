//! Other people's software on the running system: clients that generators make of the published contract, and the
//! programs of `examples/` as they are. `scripts/generate-clients` makes and compiles what these tests run.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod generated;
mod nest;
mod program;
mod stock;
