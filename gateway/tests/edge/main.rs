//! The gateway over real sockets, without a broker: everything that it decides by itself. A request that it would
//! send to a worker is answered `503 broker_unavailable`, so that code means "accepted up to here".

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
