//! What the verifier of access tokens is told: how far to trust, and whose keys.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::auth::access_token::Times;
use crate::auth::issuer_settings::IssuerSettings;
use crate::auth::verification_key::Issuer;

/// How a key pair for access tokens is made; part of every complaint about the key.
pub(crate) const HOW_TO_MAKE_A_KEY: &str = "make a pair with `openssl genpkey -algorithm ed25519 -out \
     token-private.pem` and `openssl pkey -in token-private.pem -pubout -out token-public.pem`, and name the latter";

/// Who a caller is taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// The one whom a verified access token names.
    Tokens,
    /// The one whom any JWT names, verified or not.
    Mock,
}

/// How callers are recognised; a part of the gateway's settings.
pub(crate) struct AuthSettings {
    pub(crate) mode: AuthMode,
    /// Our own issuer's public key (PEM), or a directory of such: `GATEWAY_TOKEN_PUBLIC_KEY_FILE`.
    pub(crate) public_key_file: PathBuf,
    /// Our own issuer.
    pub(crate) issuer: Issuer,
    pub(crate) times: Times,
    /// The other issuer that is believed.
    pub(crate) trusted: IssuerSettings,
}
