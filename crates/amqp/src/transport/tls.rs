//! TLS to the broker: rustls, with the machine's root certificates and those of the address's `cacertfile`.

use std::io::{self, Error, ErrorKind};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Encrypts a connection and verifies the server's name. `authorities` is PEM.
pub(crate) async fn handshake(
    tcp: TcpStream,
    host: &str,
    authorities: Option<&str>,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .with_root_certificates(roots(authorities)?)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// Read for each connection, because the machine's certificates may change while a process runs.
fn roots(authorities: Option<&str>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let own = CertificateDer::pem_slice_iter(authorities.unwrap_or_default().as_bytes());
    for certificate in own {
        let certificate = certificate.map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        roots.add(certificate).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    }
    if roots.is_empty() {
        Err(Error::new(ErrorKind::NotFound, "no root certificate is trusted here"))
    } else {
        Ok(roots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_is_not_a_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(roots(Some(broken)).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
