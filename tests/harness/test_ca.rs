//! A certificate authority of a test's own, and the certificates that it gives to servers of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::keys::{directory, openssl};

/// An authority with one server certificate.
pub struct Authority {
    directory: PathBuf,
}

impl Authority {
    /// Makes one; its server certificate is for this name, or for this address if it is one.
    #[track_caller]
    pub fn new(server: &str) -> Self {
        let authority = Self { directory: directory("authority") };
        let kind = if server.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
        let name = format!("subjectAltName={kind}:{server}\nextendedKeyUsage=serverAuth\n");
        fs::write(authority.directory.join("server.ext"), name).unwrap();
        let run = |arguments: &str| openssl(&authority.directory, &arguments.split(' ').collect::<Vec<_>>());
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=test-authority -days 2"));
        run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=test-server"));
        run(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile server.ext",
        );
        authority
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// What a server of the test's own needs to speak TLS.
    #[track_caller]
    pub fn server(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_file(self.directory.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.directory.join("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
    }

    /// Lets a broker listen by TLS on this port, from its next start on.
    pub fn secure_broker(&self, data: &Path, port: u16) {
        let file = |name: &str| self.directory.join(name).display().to_string();
        let settings = format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\nssl_options.verify = verify_none\n",
            file("ca.pem"),
            file("server.pem"),
            file("server.key")
        );
        let place = data.join("broker/conf.d");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("tls.conf"), settings).unwrap();
    }

    /// Lets a database that was made before speak TLS as well, from its next start on.
    pub fn secure_database(&self, data: &Path, name: &str) {
        use std::io::Write;
        use std::os::unix::fs::PermissionsExt;
        let place = data.join(format!("{name}-db"));
        for file in ["server.pem", "server.key"] {
            fs::copy(self.directory.join(file), place.join(file)).unwrap();
            // PostgreSQL takes no key that others can read.
            fs::set_permissions(place.join(file), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut settings = fs::OpenOptions::new().append(true).open(place.join("postgresql.conf")).unwrap();
        settings.write_all(b"\nssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\n").unwrap();
    }
}
