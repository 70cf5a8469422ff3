//! Publishes what the user service has recorded for others to hear.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::relay("users.relay").await
}
