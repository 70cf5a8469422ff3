//! Authentication: reads the bearer token of a request and verifies it locally.
//!
//! The key determines the algorithm, never the token, so neither `none` nor an HMAC with the public key as its secret is
//! accepted.

pub(crate) mod access_token;
pub(crate) mod caller;
pub(crate) mod issuer_settings;
pub(crate) mod jwks_client;
pub(crate) mod key_store;
pub(crate) mod settings;
pub(crate) mod token_cache;
pub(crate) mod token_header;
pub(crate) mod verification_key;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contracts::Code;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use jsonwebtoken::dangerous;
use runtime::SettingError;
use serde::Deserialize;
use uuid::Uuid;

use crate::auth::access_token::{Reason, Times, Token};
use crate::auth::caller::Caller;
use crate::auth::key_store::{KeyStore, TrustedKeys};
use crate::auth::settings::{AuthMode, AuthSettings};
use crate::auth::token_cache::Fingerprint;
use crate::http::problem::HttpError;
use crate::http::request_headers::only;

/// How callers are authenticated.
pub(crate) enum Auth {
    /// By access tokens of the user service, or of another trusted issuer.
    Tokens(Box<KeyStore>),
    /// By any JWT. For development only.
    Mock,
}

impl Auth {
    /// Prepares authentication by the settings; reads the keys.
    pub(crate) fn open(settings: &AuthSettings) -> Result<Self, SettingError> {
        match settings.mode {
            AuthMode::Mock => {
                tracing::warn!("GATEWAY_AUTH=mock: any well-formed token is accepted, whoever signed it");
                Ok(Self::Mock)
            }
            AuthMode::Tokens => Ok(Self::Tokens(Box::new(KeyStore::open(settings)?))),
        }
    }

    /// Keeps the keys current. Never returns.
    pub(crate) async fn run(&self) {
        match self {
            Self::Tokens(keys) => keys.run().await,
            Self::Mock => std::future::pending().await,
        }
    }

    /// The public keys of the user service, as a JWKS document.
    pub(crate) fn published(&self) -> String {
        match self {
            Self::Tokens(keys) => keys.published(),
            Self::Mock => r#"{"keys":[]}"#.into(),
        }
    }

    /// Resolves, with the reason, when the caller loses access: the token has expired, or its key is no longer trusted.
    pub(crate) async fn access_lost(&self, caller: &Caller) -> &'static str {
        let key = async {
            match (self, caller.key) {
                (Self::Tokens(keys), Some(fingerprint)) => keys.removed(fingerprint).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expiry(caller.expires) => "the token expired",
            () = key => "the token's key is no longer trusted",
        }
    }

    /// The caller that the request's token names.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, HttpError> {
        let token = bearer(headers)?;
        let caller = match self {
            Self::Tokens(keys) => verified(keys, token, now()).await.map_err(reject)?,
            Self::Mock => Caller {
                id: dangerous::insecure_decode_claims::<Subject>(token).map_err(|_| reject(Reason::Malformed))?.sub,
                session: None,
                expires: None,
                key: None,
            },
        };
        // A user's id is passed to other systems in headers and queries: it must be short and plain text.
        if (1..=LONGEST_CALLER).contains(&caller.id.len()) && !caller.id.contains(char::is_control) {
            Ok(caller)
        } else {
            Err(reject(Reason::Subject))
        }
    }
}

const LONGEST_CALLER: usize = 128;

/// The caller of a token that is valid at `now` (Unix seconds). A cached token is not verified again.
async fn verified(store: &KeyStore, text: &str, now: u64) -> Result<Caller, Reason> {
    let mut trusted = store.trusted();
    let fingerprint = Fingerprint::of(text);
    if let Some(caller) = trusted.verified().get(&fingerprint) {
        return if caller.expires.is_none_or(|expires| now < expires) { Ok(caller) } else { Err(Reason::Expired) };
    }
    let token = Token::read(text)?;
    let mut outcome = checked(&trusted, &token, store.times, now);
    // Its key may have been added since the last read.
    if matches!(outcome, Err(Reason::UnknownKey)) || (token.header.kid.is_none() && outcome == Err(Reason::Signature)) {
        trusted = store.reload().await;
        outcome = checked(&trusted, &token, store.times, now);
    }
    let caller = outcome?;
    trusted.verified().insert(fingerprint, caller.clone());
    Ok(caller)
}

/// The caller of a token, by one snapshot of the keys.
fn checked(trusted: &TrustedKeys, token: &Token<'_>, times: Times, now: u64) -> Result<Caller, Reason> {
    let mut keys = trusted.keys(&token.header).peekable();
    keys.peek().ok_or(Reason::UnknownKey)?;
    let key = keys.find(|key| token.is_signed_by(key)).ok_or(Reason::Signature)?;
    let claims = token.claims(&key.issuer, times, now)?;
    let session = claims.sid.as_str().and_then(|sid| Uuid::try_parse(sid).ok());
    let expires = Some(claims.expires());
    Ok(Caller { id: claims.sub, session, expires, key: Some(key.fingerprint) })
}

/// Resolves at a Unix time in seconds; never if there is none.
async fn expiry(expires: Option<u64>) {
    let Some(expires) = expires else { return std::future::pending().await };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    tokio::time::sleep(Duration::from_secs(expires).saturating_sub(now)).await;
}

#[derive(Deserialize)]
struct Subject {
    sub: String,
}

/// The token of the one `Authorization: Bearer …` header (RFC 6750). Another scheme counts as no token.
fn bearer(headers: &HeaderMap) -> Result<&str, HttpError> {
    if !headers.contains_key(AUTHORIZATION) {
        return Err(missing());
    }
    let credentials =
        only(headers, &AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(|| reject(Reason::Malformed))?;
    let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_matches(' ')) } else { Err(missing()) }
}

fn missing() -> HttpError {
    HttpError::new(Code::MissingToken, "Send an access token: Authorization: Bearer <token>.")
}

/// The error of a rejected token. Only the log shows the reason.
fn reject(reason: Reason) -> HttpError {
    let error = if reason == Reason::Expired { expired() } else { invalid() };
    error.because(reason.as_str())
}

fn invalid() -> HttpError {
    HttpError::new(Code::InvalidToken, "The access token is not valid. Sign in again.")
}

fn expired() -> HttpError {
    HttpError::new(Code::SessionExpired, "The access token has expired. Sign in again.")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
