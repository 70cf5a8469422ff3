//! Publishes the order service's outbox.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::relay("orders.relay").await
}
