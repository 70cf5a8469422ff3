//! The harness of the system tests: real servers, the real programs, and words for what a test does with them.
//!
//! A test starts a [`Stack`] and talks to it over HTTP ([`Http`]), over AMQP ([`Wire`]) and in SQL ([`Sql`]). It waits
//! for facts ([`wait_until`]), never for time to pass. Whatever is started here ends with the test process, however that
//! ends (see [`janitor`]).

#![expect(clippy::unwrap_used, reason = "the harness of tests: a panic is how a test fails")]

pub mod accounts;
pub mod authority;
mod declared;
pub mod environment;
pub mod feed;
pub mod hold;
pub mod http;
pub mod intruder;
pub mod janitor;
pub mod keys;
pub mod ports;
pub mod problem;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod raw_amqp;
pub mod room;
mod runtime;
pub mod servers;
pub mod sql;
pub mod stack;
pub mod token;
pub mod wait;
pub mod wire;

pub use hold::Hold;
pub use http::{Answer, Http};
pub use process::{Process, Signal};
pub use proxy::Proxy;
pub use raw_amqp::RawAmqp;
pub use servers::Servers;
pub use sql::Sql;
pub use stack::{Person, Stack};
pub use wait::{wait_for, wait_until};
pub use wire::{Message, Wire};
