//! Says on whose behalf a request comes: reads the bearer token and verifies it here, without asking anybody.
//!
//! Tokens are EdDSA only. The algorithm is ours to say, never the token's, so neither `none` nor a signature made with
//! the public key as an HMAC secret gets anywhere.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use contracts::Code;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous, decode};
use process::SettingError;
use serde::Deserialize;

use crate::marks::only;
use crate::problem::Refusal;
use crate::settings::{AuthMode, GatewaySettings, HOW_TO_MAKE_A_KEY};
use crate::verified::Verified;

/// How callers are recognised.
pub(crate) enum Auth {
    /// By access tokens that the user service signed.
    Tokens(Box<Tokens>),
    /// By any JWT. For development only.
    Mock,
}

impl Auth {
    /// By what the settings say; reads the key.
    pub(crate) fn open(settings: &GatewaySettings) -> Result<Self, SettingError> {
        match settings.auth {
            AuthMode::Mock => {
                tracing::warn!("GATEWAY_AUTH=mock: any well-formed token is believed, whoever made it");
                Ok(Self::Mock)
            }
            AuthMode::Tokens => {
                let problem = |what: &str| {
                    let text = format!("names {}, {what}: {HOW_TO_MAKE_A_KEY}", settings.token_public_key_file);
                    SettingError::new::<GatewaySettings>("token_public_key_file", text)
                };
                let pem = std::fs::read(&settings.token_public_key_file)
                    .map_err(|error| problem(&format!("which cannot be read ({error})")))?;
                let tokens = Tokens::new(&pem, &settings.token_issuer, &settings.token_audience);
                Ok(Self::Tokens(Box::new(tokens.ok_or_else(|| problem("which holds no Ed25519 public key"))?)))
            }
        }
    }

    /// On whose behalf the request comes.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let token = bearer(headers)?;
        let caller = match self {
            Self::Tokens(tokens) => tokens.caller(token, now())?,
            Self::Mock => Caller {
                id: dangerous::insecure_decode_claims::<Named>(token).map_err(|_| invalid())?.sub,
                expires: None,
            },
        };
        // A user's id goes into headers and queries of other systems: it must be short and plain text.
        if (1..=LONGEST_CALLER).contains(&caller.id.len()) && !caller.id.contains(char::is_control) {
            Ok(caller)
        } else {
            Err(invalid())
        }
    }
}

const LONGEST_CALLER: usize = 128;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user's id: the token's `sub`.
    pub(crate) id: String,
    /// When the token ends, in seconds since 1970; `None` where nobody checks.
    pub(crate) expires: Option<u64>,
}

/// Verifies access tokens, each at most once while it is remembered.
pub(crate) struct Tokens {
    key: DecodingKey,
    rules: Validation,
    verified: Mutex<Verified>,
}

impl Tokens {
    /// Tokens of one issuer, for one audience. `None` when the PEM holds no Ed25519 public key.
    pub(crate) fn new(public_key_pem: &[u8], issuer: &str, audience: &str) -> Option<Self> {
        const ED25519_KEY_BYTES: usize = 32;
        let key = DecodingKey::from_ed_pem(public_key_pem).ok()?;
        if key.try_get_as_bytes().ok()?.len() != ED25519_KEY_BYTES {
            return None;
        }
        let mut rules = Validation::new(Algorithm::EdDSA);
        // Without this a token that lacks a claim passes every check of that claim.
        rules.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[audience]);
        rules.leeway = 0;
        rules.validate_nbf = true;
        // Expiry is checked below, last of all: "expired" is only said of a token that was good.
        rules.validate_exp = false;
        Some(Self { key, rules, verified: Mutex::default() })
    }

    /// Whose token it is, if it is good at `now`, in seconds since 1970.
    fn caller(&self, token: &str, now: u64) -> Result<Caller, Refusal> {
        if let Some((id, expires)) = self.lock().find(token) {
            return if now < expires { Ok(Caller { id, expires: Some(expires) }) } else { Err(expired()) };
        }
        let claims: Claims = decode(token, &self.key, &self.rules).map_err(|_| invalid())?.claims;
        if now >= claims.exp {
            return Err(expired());
        }
        self.lock().remember(token, &claims.sub, claims.exp);
        Ok(Caller { id: claims.sub, expires: Some(claims.exp) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Verified> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

#[derive(Deserialize)]
struct Named {
    sub: String,
}

/// The token of the one `Authorization: Bearer …` header (RFC 6750). Another scheme is as good as none.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    if !headers.contains_key(AUTHORIZATION) {
        return Err(missing());
    }
    let credentials = only(headers, &AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(invalid)?;
    let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_matches(' ')) } else { Err(missing()) }
}

fn missing() -> Refusal {
    Refusal::new(Code::MissingToken, "Send an access token: Authorization: Bearer <token>.")
}

fn invalid() -> Refusal {
    Refusal::new(Code::InvalidToken, "The access token is not valid here. Sign in again.")
}

fn expired() -> Refusal {
    Refusal::new(Code::SessionExpired, "The access token has expired. Sign in again.")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
