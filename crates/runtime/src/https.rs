//! An HTTPS client for what a process asks now and then: bounded in time, with the machine's root certificates.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

/// A client that follows no redirect, and gives up after `patience`. A status is no error of its: look at it.
///
/// `SSL_CERT_FILE` names other roots than the machine's. They are read here, for they change on a machine that runs for
/// years: make a new client for each question that comes minutes after the last.
pub fn client(patience: Duration) -> ConfigBuilder<AgentScope> {
    let roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|root| Certificate::from_der(root).to_owned())
        .collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots)));
    Agent::config_builder()
        .tls_config(tls.unversioned_rustls_crypto_provider(provider).build())
        .timeout_global(Some(patience))
        .max_redirects(0)
        .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
}
