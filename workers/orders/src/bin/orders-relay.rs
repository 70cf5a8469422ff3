//! Publishes what the order service has recorded for others to hear.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::relay("orders.relay").await
}
