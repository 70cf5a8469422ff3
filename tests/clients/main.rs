//! Third-party software on the running system: generated clients of the published contract, and the programs of `examples/`.
//! `scripts/generate-clients` generates and compiles what these tests run.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod generated;
mod nest;
mod program;
mod stock;
