//! The frame of a worker: an author writes a handler, the frame does everything around it.
//!
//! ```text
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode { worker::serve(create).await }
//!
//! async fn create(call: Call<CreateOrder>, db: &Db) -> Result<Order, Failure> { … }
//! ```
//!
//! A listener's handler gets an event and the transaction in which it takes effect, once; a relay has no handler at all:
//!
//! ```text
//! worker::subscribe::<CountOrders, _>(count).await     // async fn count(event: OrderCreated, effect: &Transaction<'_>) …
//! worker::relay("orders.relay").await
//! ```
//!
//! Handlers run in one task of one thread: no `Send`, no `Arc`, no locks. Concurrency is the prefetch; more cores are
//! more processes. The frame decodes, checks the deadline, catches panics, replies, acknowledges, logs one line, and
//! drains on SIGTERM.

mod call;
mod control;
pub mod db;
mod failure;
mod health;
mod leadership;
mod listener;
mod migrate;
mod outbox;
mod post;
mod prune;
mod reader;
mod relay;
mod serve;
mod server;
mod settings;
mod subscribe;

pub use call::Call;
pub use db::{Db, DbError, Transaction};
pub use failure::Failure;
pub use migrate::{Rework, migrate};
pub use outbox::Fact;
pub use reader::{Reader, RelayState};
pub use relay::relay;
pub use serve::serve;
pub use settings::{EventSettings, Resources, Setup};
pub use subscribe::subscribe;
