//! Drivers: start and stop copies of workers through whatever runs processes on this machine.

pub(crate) mod any;
pub(crate) mod children;
pub(crate) mod process_compose;

use std::collections::HashMap;

/// Runs processes. `process` is a name such as `orders-get`. An error is a sentence part.
pub(crate) trait Driver {
    /// How many copies of each worker run or are starting; an absent worker has none.
    async fn copies(&self) -> Result<HashMap<String, u32>, String>;

    /// Starts one more copy.
    async fn start(&self, process: &str) -> Result<(), String>;

    /// Asks one copy to drain and exit.
    async fn stop(&self, process: &str) -> Result<(), String>;
}
