//! The harness of the system tests: real servers, the real programs, and helpers for tests.
//!
//! A test starts a [`Stack`] and talks to it over HTTP ([`Http`]), over AMQP ([`Wire`]) and in SQL ([`Sql`]). It waits for
//! facts ([`wait_until`]), never for time to pass. Everything that is started here ends with the test process, however that
//! ends (see [`reaper`]).

#![expect(clippy::unwrap_used, reason = "the harness of tests: a panic is how a test fails")]

pub mod accounts;
pub mod attacker_client;
pub mod cluster;
mod declared;
pub mod environment;
pub mod feed;
pub mod forged_death;
pub mod held_inserts;
pub mod http;
pub mod keys;
pub mod ports;
pub mod problem;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod raw_amqp;
pub mod reaper;
mod runtime;
pub mod servers;
pub mod slots;
pub mod sql;
pub mod stack;
pub mod terminal;
pub mod test_ca;
pub mod token;
pub mod wait;
pub mod wire;

pub use crate::cluster::Cluster;
pub use crate::held_inserts::HeldInserts;
pub use crate::http::{Answer, Http};
pub use crate::process::{Process, Signal};
pub use crate::proxy::Proxy;
pub use crate::raw_amqp::RawAmqp;
pub use crate::servers::Servers;
pub use crate::sql::Sql;
pub use crate::stack::{Person, Stack};
pub use crate::terminal::Terminal;
pub use crate::wait::{wait_for, wait_until};
pub use crate::wire::{Message, Wire};
