//! Fetches a small document over HTTPS: bounded in size and time, with the machine's root certificates.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

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
    // `SSL_CERT_FILE` names other roots. They are read each time, for they change on a machine that runs for years.
    let roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|root| Certificate::from_der(root).to_owned())
        .collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls.unversioned_rustls_crypto_provider(provider).build())
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut response = agent.get(address).call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("which answered {}", response.status()));
    }
    response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|error| error.to_string())
}
