//! Starts and stops copies of workers, by whatever runs processes here.

pub(crate) mod any;
pub(crate) mod children;
pub(crate) mod process_compose;

use std::collections::HashMap;

/// What runs processes. The names are those of processes: `orders-get`. An error is a sentence part.
pub(crate) trait Driver {
    /// How many copies of each worker it runs, or is about to run; a worker that is not named has none.
    async fn copies(&self) -> Result<HashMap<String, u32>, String>;

    /// Starts one more copy.
    async fn start(&self, process: &str) -> Result<(), String>;

    /// Asks one copy to finish what it has in hand and to end.
    async fn stop(&self, process: &str) -> Result<(), String>;
}
