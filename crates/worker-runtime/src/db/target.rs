//! The database's address and how to connect: in plain text, or by TLS with a verified certificate and host name.
//!
//! There is nothing in between: TLS without verification, or only if the server offers it, looks safe but is not.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::db::error::Cause;
use crate::db::limits::CONNECT;

/// Drives a connection: nothing happens unless it is polled.
pub(crate) type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

const A_URL: &str = "must be like postgres://user:password@host:5432/database";

/// An address, and the certificate authorities that are trusted there.
#[derive(Clone)]
pub(crate) struct ConnectTarget {
    pub(crate) config: Config,
    tls: MakeRustlsConnect,
    /// `SET …;` of each server parameter that differs for our connections.
    parameters: String,
    writes: bool,
}

impl ConnectTarget {
    /// Parses a URL. `sslmode` is `disable`, the default, or `verify-full`, with the certificate authorities of the file
    /// `sslrootcert` or else the machine's. The error continues a sentence and does not quote the URL.
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
            _ => return Err("may have the sslmode disable or verify-full: the others do not verify the server".into()),
        };
        let mut config: Config = format!("{place}?{}", rest.join("&")).parse().map_err(|_| A_URL)?;
        config.ssl_mode(if verify { SslMode::Require } else { SslMode::Disable });
        let roots = if verify { roots(authorities)? } else { RootCertStore::empty() };
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot be reached by TLS ({error})"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config, tls: MakeRustlsConnect::new(tls), parameters: String::new(), writes: false })
    }

    /// Connects, and sets the connection's parameters. The error says why it cannot connect, or why the connection is
    /// useless: a read-only server does not serve processes that write.
    pub(crate) async fn connect(&self) -> Result<(Client, Driver), Cause> {
        timeout(CONNECT, self.connected()).await.map_err(|_| "no answer in time")?
    }

    async fn connected(&self) -> Result<(Client, Driver), Cause> {
        let (client, mut driver) = self.config.connect(self.tls.clone()).await?;
        let read_only = {
            let mut settling = std::pin::pin!(self.settle(&client));
            tokio::select! {
                biased;
                settled = &mut settling => settled?,
                ended = &mut driver => {
                    ended?;
                    settling.await?
                }
            }
        };
        if self.writes && read_only {
            return Err("the server is read-only: a standby, or default_transaction_read_only is on".into());
        }
        Ok((client, driver))
    }

    /// Sets the parameters, after connecting: a pooler refuses them, or forgets them, when they come as startup options.
    /// Returns whether the server is read-only.
    async fn settle(&self, client: &Client) -> Result<bool, Error> {
        let answers = client.simple_query(&format!("{}SHOW transaction_read_only", self.parameters)).await?;
        let read_only = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        Ok(read_only == Some("on"))
    }

    /// Sets a server parameter for each connection. Neither part may come from outside: they are not escaped.
    pub(crate) fn set(&mut self, parameter: &str, value: impl std::fmt::Display) {
        self.parameters = format!("{}SET {parameter} = '{value}'; ", self.parameters);
    }

    /// Refuses read-only servers.
    pub(crate) fn for_writing(&mut self) {
        self.writes = true;
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
        ConnectTarget::parse(url).err().unwrap_or_default()
    }

    #[test]
    fn only_verify_full_and_disable_are_accepted() {
        let mode = |url: &str| ConnectTarget::parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@h/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@h/d?sslmode=disable&connect_timeout=3"), SslMode::Disable);
        assert_eq!(mode("postgres://u@h/d?sslmode=verify-full"), SslMode::Require);
        for half in ["allow", "prefer", "require", "verify-ca", "Verify-Full", ""] {
            assert!(problem(&format!("postgres://u:hunter2@h/d?sslmode={half}")).contains("verify-full"), "{half}");
        }
    }

    #[test]
    fn an_unusable_sslrootcert_is_named_and_the_password_is_not() {
        for file in ["/nonexistent.pem", "/dev/null"] {
            let said = problem(&format!("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert={file}"));
            assert!(said.contains(file) && !said.contains("hunter2"), "{said}");
        }
    }
}
