//! Publishes the user service's outbox.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::relay("users.relay").await
}
