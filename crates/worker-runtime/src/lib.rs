//! The frame of a worker: an author writes a handler, the frame does everything around it.
//!
//! ```text
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode { worker_runtime::serve(create).await }
//!
//! async fn create(call: Call<CreateOrder>, db: &Db) -> Result<Order, Failure> { … }
//! ```
//!
//! A listener's handler gets an event and the transaction in which it takes effect, once; a relay has no handler at all:
//!
//! ```text
//! worker_runtime::subscribe::<CountOrders, _>(count).await     // async fn count(event: OrderCreated, effect: &Transaction<'_>) …
//! worker_runtime::relay("orders.relay").await
//! ```
//!
//! Handlers run in one task of one thread: no `Send`, no `Arc`, no locks. Concurrency is the prefetch; more cores are
//! more processes. The frame decodes, checks the deadline, catches panics, replies, acknowledges, logs one line, and
//! drains on SIGTERM.

mod bootstrap;
pub mod db;
mod error_chain;
mod events;
mod failure;
mod health;
mod meter;
mod migrate;
mod outbox;
mod reader;
mod rpc;
mod settings;

pub use crate::db::{Db, DbError, Transaction};
pub use crate::events::subscribe::{subscribe, subscribe_singly};
pub use crate::failure::Failure;
pub use crate::migrate::{Rework, migrate};
pub use crate::outbox::record::OutboxRecord;
pub use crate::outbox::relay::relay;
pub use crate::reader::{Reader, RelayState};
pub use crate::rpc::call::Call;
pub use crate::rpc::serve::serve;
pub use crate::settings::{Context, Dependencies, EventSettings};
