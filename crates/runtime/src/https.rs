//! A blocking HTTPS client for occasional requests, with a timeout and the machine's root certificates.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// Configures a client that follows no redirects. A response with an error status is returned like any other.
///
/// `SSL_CERT_FILE` replaces the machine's root certificates. They are read here and may change while a process runs, so
/// create a new client if requests are minutes apart.
pub fn client(request_timeout: Duration) -> ConfigBuilder<AgentScope> {
    let roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|root| Certificate::from_der(root).to_owned())
        .collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
    Agent::config_builder()
        .tls_config(tls.unversioned_rustls_crypto_provider(provider).build())
        .timeout_global(Some(request_timeout))
        .max_redirects(0)
        .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
}
