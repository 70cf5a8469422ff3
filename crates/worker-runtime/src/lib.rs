//! The frame of a worker: an author writes a handler, the frame does everything around it.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use contracts::Code;
//! use contracts::orders::{GetOrder, OrderDetail};
//! use worker_runtime::{Call, Db, Failure};
//! # fn detail(_: &worker_runtime::db::Row) -> OrderDetail { unreachable!() }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode {
//!     worker_runtime::serve(get).await
//! }
//!
//! async fn get(call: Call<GetOrder>, db: &Db) -> Result<OrderDetail, Failure> {
//!     let row = db.row("SELECT * FROM orders WHERE id = $1", &[&call.data.id]).await?;
//!     let row = row.ok_or_else(|| Failure::answer(Code::OrderNotFound, "There is no order with this id."))?;
//!     Ok(detail(&row))
//! }
//! ```
//!
//! A listener's handler gets an event and the transaction in which the event takes effect, once:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use contracts::events::{CountOrders, OrderCreated};
//! use worker_runtime::{Failure, Transaction};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode {
//!     worker_runtime::subscribe::<CountOrders, _>(count).await
//! }
//!
//! async fn count(OrderCreated(order): OrderCreated, effect: &Transaction<'_>) -> Result<(), Failure> {
//!     effect.execute("UPDATE totals SET orders = orders + 1 WHERE user_id = $1", &[&order.user_id]).await?;
//!     Ok(())
//! }
//! ```
//!
//! A relay has no handler at all: `worker_runtime::relay("orders.relay").await`.
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
mod trace;

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
