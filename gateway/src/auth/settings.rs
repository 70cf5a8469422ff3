//! The settings of authentication: the mode, the issuers and their keys.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::auth::access_token::Times;
use crate::auth::issuer_settings::IssuerSettings;
use crate::auth::verification_key::Issuer;

/// How to create a key pair for access tokens; part of every error about the key.
pub(crate) const HOW_TO_MAKE_A_KEY: &str = "make a pair with `openssl genpkey -algorithm ed25519 -out \
     token-private.pem` and `openssl pkey -in token-private.pem -pubout -out token-public.pem`, and name the latter";

/// How callers are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// By a verified access token.
    Tokens,
    /// By any JWT, verified or not.
    Mock,
}

/// The part of the gateway's settings that authentication uses.
pub(crate) struct AuthSettings {
    pub(crate) mode: AuthMode,
    /// Our own issuer's public key (PEM), or a directory of them: `GATEWAY_TOKEN_PUBLIC_KEY_FILE`.
    pub(crate) public_key_file: PathBuf,
    /// Our own issuer.
    pub(crate) issuer: Issuer,
    pub(crate) times: Times,
    /// The other trusted issuer.
    pub(crate) trusted: IssuerSettings,
}
