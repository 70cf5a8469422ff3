//! The frame of a worker: an author writes a handler, the frame does everything around it.
//!
//! ```text
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> ExitCode { worker::serve(create).await }
//!
//! async fn create(call: Call<CreateOrder>, db: &Db) -> Result<Order, Failure> { … }
//! ```
//!
//! Handlers run in one task of one thread: no `Send`, no `Arc`, no locks. Concurrency is the prefetch; more cores are
//! more processes. The frame decodes, checks the deadline, catches panics, replies, acknowledges, logs one line, and
//! drains on SIGTERM.

mod call;
pub mod db;
mod failure;
mod migrate;
mod serve;
mod server;
mod settings;

pub use call::Call;
pub use db::{Db, DbError};
pub use failure::Failure;
pub use migrate::migrate;
pub use serve::serve;
pub use settings::{Resources, Setup};
