//! The gateway over real sockets, without a broker: everything that it decides by itself. What would be asked is
//! answered `503 broker_unavailable`, which so stands for "all was well up to here".

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod admin;
mod bodies;
mod browsers;
mod client;
mod connections;
mod gateway_fixture;
mod heads;
mod process;
mod requests;
