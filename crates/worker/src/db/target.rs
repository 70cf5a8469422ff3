//! Where the database is and how it is reached: in the clear, or by TLS to a server whose certificate and name are checked.
//!
//! There is nothing in between: a connection that is encrypted for whoever answers, or not encrypted when the server does
//! not feel like it, only looks safe.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Drives a connection: it must be polled for anything to happen.
pub(crate) type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

const A_URL: &str = "must be like postgres://user:password@host:5432/database";

/// An address, and whom to trust there.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) config: Config,
    tls: MakeRustlsConnect,
}

impl Target {
    /// Reads a URL. `sslmode` is `disable`, which is the default, or `verify-full`, with the authorities of the file
    /// `sslrootcert` or else the machine's. The error is a sentence part that does not quote the URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut authorities, mut rest) = ("disable", None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", file)) => authorities = Some(file),
                _ => rest.push(pair),
            }
        }
        let verify = match mode {
            "disable" => false,
            "verify-full" => true,
            _ => return Err("may have the sslmode disable or verify-full: no other knows whom it speaks to".into()),
        };
        let mut config: Config = format!("{place}?{}", rest.join("&")).parse().map_err(|_| A_URL)?;
        config.ssl_mode(if verify { SslMode::Require } else { SslMode::Disable });
        let roots = if verify { roots(authorities)? } else { RootCertStore::empty() };
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot be reached by TLS ({error})"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config, tls: MakeRustlsConnect::new(tls) })
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<(Client, Driver), Error> {
        self.config.connect(self.tls.clone()).await
    }

    /// Sets a server parameter for the connection.
    pub(crate) fn add_option(&mut self, option: &str) {
        let options = format!("{} -c {option}", self.config.get_options().unwrap_or_default());
        self.config.options(options.trim_start());
    }
}

/// The authorities of a PEM file, or the machine's.
fn roots(file: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let unusable =
        |error: &dyn std::fmt::Display| format!("names {file} as its sslrootcert, which cannot be used ({error})");
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"it holds no certificate")) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        Target::parse(url).err().unwrap_or_default()
    }

    #[test]
    fn what_is_not_fully_verified_is_not_encrypted_at_all() {
        let mode = |url: &str| Target::parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@h/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@h/d?sslmode=disable&connect_timeout=3"), SslMode::Disable);
        assert_eq!(mode("postgres://u@h/d?sslmode=verify-full"), SslMode::Require);
        for half in ["allow", "prefer", "require", "verify-ca", "Verify-Full", ""] {
            assert!(problem(&format!("postgres://u:hunter2@h/d?sslmode={half}")).contains("verify-full"), "{half}");
        }
    }

    #[test]
    fn authorities_that_cannot_be_read_are_named_and_the_password_is_not() {
        for file in ["/nonexistent.pem", "/dev/null"] {
            let said = problem(&format!("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert={file}"));
            assert!(said.contains(file) && !said.contains("hunter2"), "{said}");
        }
    }
}
