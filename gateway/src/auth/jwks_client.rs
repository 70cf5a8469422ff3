//! Fetches an issuer's key set over HTTPS: bounded in size and time.

use std::time::Duration;

use runtime::https;
use ureq::Agent;

/// A key set is a few kilobytes.
const LARGEST: u64 = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// The body of a 200. The error is a sentence part.
pub(crate) async fn get(address: String) -> Result<Vec<u8>, String> {
    // The client blocks; it is needed every few minutes.
    let fetched = tokio::task::spawn_blocking(move || fetch(&address)).await;
    fetched.map_err(|panic| panic.to_string())?
}

fn fetch(address: &str) -> Result<Vec<u8>, String> {
    let agent: Agent = https::client(PATIENCE).build().into();
    let mut response = agent.get(address).call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("which answered {}", response.status()));
    }
    response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|error| error.to_string())
}
