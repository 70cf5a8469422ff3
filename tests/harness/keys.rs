//! Keys that a test generates with openssl, and the documents that publish them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use crate::environment::scratch;

/// Runs openssl in a directory.
#[track_caller]
pub fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A new directory of this run.
pub fn directory(name: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let directory = scratch().join("data").join(format!("{name}-{number}"));
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A key pair for signing tokens.
pub struct Pair {
    directory: PathBuf,
    algorithm: Algorithm,
    signing: EncodingKey,
    jwk: Jwk,
}

impl Pair {
    /// Makes one.
    #[track_caller]
    pub fn new(algorithm: Algorithm) -> Self {
        let directory = directory("pair");
        let (kind, option): (&str, &[&str]) = match algorithm {
            Algorithm::EdDSA => ("ed25519", &[]),
            Algorithm::ES256 => ("EC", &["-pkeyopt", "ec_paramgen_curve:P-256"]),
            _ => ("RSA", &["-pkeyopt", "rsa_keygen_bits:2048"]),
        };
        openssl(&directory, &[&["genpkey", "-algorithm", kind, "-out", "private.pem"], option].concat());
        openssl(&directory, &["pkey", "-in", "private.pem", "-pubout", "-out", "public.pem"]);
        let pem = fs::read(directory.join("private.pem")).unwrap();
        let read = match algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_pem,
            Algorithm::ES256 => EncodingKey::from_ec_pem,
            _ => EncodingKey::from_rsa_pem,
        };
        let signing = read(&pem).unwrap();
        let mut jwk = Jwk::from_encoding_key(&signing, algorithm).unwrap();
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).unwrap());
        Self { directory, algorithm, signing, jwk }
    }

    /// The file of the private key.
    pub fn private(&self) -> PathBuf {
        self.directory.join("private.pem")
    }

    /// The file of the public key.
    pub fn public(&self) -> PathBuf {
        self.directory.join("public.pem")
    }

    /// Its name.
    pub fn id(&self) -> &str {
        self.jwk.common.key_id.as_deref().unwrap()
    }

    /// A token with these claims, that names the key.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id().into()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }

    /// A token with this header.
    pub fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.signing).unwrap()
    }
}

/// The document that publishes the public halves (RFC 7517).
pub fn jwks(pairs: &[&Pair]) -> String {
    let keys: Vec<&Jwk> = pairs.iter().map(|pair| &pair.jwk).collect();
    serde_json::json!({ "keys": keys }).to_string()
}
