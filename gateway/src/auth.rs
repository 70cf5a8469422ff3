//! Says on whose behalf a request comes: reads the bearer token and verifies it here, without asking anybody.
//!
//! The algorithm is the key's to say, never the token's, so neither `none` nor a signature made with the public key as an
//! HMAC secret gets anywhere.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use contracts::Code;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use jsonwebtoken::{Header, dangerous, decode, decode_header};
use process::SettingError;
use serde::Deserialize;
use uuid::Uuid;

use crate::keyring::{Keyring, Trusted};
use crate::marks::only;
use crate::problem::Refusal;
use crate::settings::{AuthMode, GatewaySettings};
use crate::verified::Fingerprint;

/// How callers are recognised.
pub(crate) enum Auth {
    /// By access tokens that the user service, or another issuer that is trusted, has signed.
    Tokens(Box<Keyring>),
    /// By any JWT. For development only.
    Mock,
}

impl Auth {
    /// By what the settings say; reads the keys.
    pub(crate) fn open(settings: &GatewaySettings) -> Result<Self, SettingError> {
        match settings.auth {
            AuthMode::Mock => {
                tracing::warn!("GATEWAY_AUTH=mock: any well-formed token is believed, whoever made it");
                Ok(Self::Mock)
            }
            AuthMode::Tokens => Ok(Self::Tokens(Box::new(Keyring::open(settings)?))),
        }
    }

    /// Keeps the keys current for ever.
    pub(crate) async fn keep(&self) {
        match self {
            Self::Tokens(keyring) => keyring.keep().await,
            Self::Mock => std::future::pending().await,
        }
    }

    /// The public keys of the user service, as a JWKS document.
    pub(crate) fn published(&self) -> String {
        match self {
            Self::Tokens(keyring) => keyring.published(),
            Self::Mock => r#"{"keys":[]}"#.into(),
        }
    }

    /// On whose behalf the request comes.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let token = bearer(headers)?;
        let caller = match self {
            Self::Tokens(keyring) => verified(keyring, token, now())?,
            Self::Mock => Caller {
                id: dangerous::insecure_decode_claims::<Named>(token).map_err(|_| invalid())?.sub,
                session: None,
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
    /// The session that the token was given out for: its `sid`, where that is one of ours.
    pub(crate) session: Option<Uuid>,
    /// When the token ends, in seconds since 1970; `None` where nobody checks.
    pub(crate) expires: Option<u64>,
}

/// Whose token it is, if it is good at `now`, in seconds since 1970. Each token is verified at most once while remembered.
fn verified(keyring: &Keyring, token: &str, now: u64) -> Result<Caller, Refusal> {
    let mut trusted = keyring.trusted();
    let fingerprint = Fingerprint::of(token);
    if let Some(caller) = trusted.verified().find(&fingerprint) {
        return if caller.expires.is_none_or(|expires| now < expires) { Ok(caller) } else { Err(expired()) };
    }
    let header = decode_header(token).map_err(|_| invalid())?;
    if trusted.keys(&header).next().is_none() {
        trusted = keyring.look_again().ok_or_else(invalid)?;
    }
    let claims = claims(&trusted, &header, token).ok_or_else(invalid)?;
    if now >= claims.exp {
        return Err(expired());
    }
    let session = claims.sid.and_then(|sid| Uuid::try_parse(sid.as_str()?).ok());
    let caller = Caller { id: claims.sub, session, expires: Some(claims.exp) };
    trusted.verified().remember(fingerprint, caller.clone());
    Ok(caller)
}

fn claims(trusted: &Arc<Trusted>, header: &Header, token: &str) -> Option<Claims> {
    trusted.keys(header).find_map(|key| decode::<Claims>(token, &key.decoding, &key.rules).ok()).map(|data| data.claims)
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    /// Another issuer may write anything here.
    sid: Option<serde_json::Value>,
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
