//! The event loop behind the blocking helpers for AMQP and SQL.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// Longer than any single operation of a helper may take.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    // A thread of its own, so that connections are kept alive while no test waits for them.
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
}

/// Runs one operation to its end; `what` is for the failure message.
#[track_caller]
pub(crate) fn run<T>(what: &str, operation: impl Future<Output = T>) -> T {
    let outcome = runtime().block_on(async { tokio::time::timeout(LIMIT, operation).await });
    outcome.unwrap_or_else(|_| panic!("waited {LIMIT:?} in vain for {what}"))
}
