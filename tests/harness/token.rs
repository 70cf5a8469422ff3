//! Access tokens of this run: the key pair, and tokens that the tests sign themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::environment::scratch;
use crate::keys::openssl;

/// The directory of the key pair: `private.pem` and `public.pem`.
pub fn keys() -> &'static Path {
    static KEYS: OnceLock<PathBuf> = OnceLock::new();
    KEYS.get_or_init(|| {
        let directory = scratch().join("data").join("keys");
        fs::create_dir_all(&directory).unwrap();
        openssl(&directory, &["genpkey", "-algorithm", "ed25519", "-out", "private.pem"]);
        openssl(&directory, &["pkey", "-in", "private.pem", "-pubout", "-out", "public.pem"]);
        directory
    })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What the user service would say of a user.
pub fn claims(user: &str) -> Value {
    json!({ "iss": "users", "aud": "gateway", "sub": user, "iat": now(), "exp": now() + 900 })
}

/// A token with these claims, signed as the user service would.
pub fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_ed_pem(&fs::read(keys().join("private.pem")).unwrap()).unwrap();
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &key).unwrap()
}
