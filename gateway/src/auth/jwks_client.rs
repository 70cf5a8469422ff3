//! Fetches an issuer's key set over HTTPS, with limits of size and time.

use std::time::Duration;

use runtime::https;
use ureq::Agent;

/// A key set is a few kilobytes.
const LARGEST: u64 = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

/// The body of a 200. The error is a sentence part.
pub(crate) async fn get(url: String) -> Result<Vec<u8>, String> {
    // The client blocks; it is needed every few minutes.
    let fetched = tokio::task::spawn_blocking(move || fetch(&url)).await;
    fetched.map_err(|panic| panic.to_string())?
}

fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let agent: Agent = https::client(TIMEOUT).build().into();
    let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("which answered {}", response.status()));
    }
    response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|error| error.to_string())
}
