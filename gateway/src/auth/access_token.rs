//! Parses an access token (RFC 7515, RFC 7519) and checks its claims. Only the log says why a token is rejected.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::auth::token_header::Header;
use crate::auth::verification_key::{Issuer, Key};

/// Why a token is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Malformed,
    Critical,
    Type,
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    Subject,
    NotYet,
    TooLong,
    Expired,
}

impl Reason {
    /// The reason, for the log; without any part of the token.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "the token is malformed, or lacks a required claim",
            Self::Critical => "the token has a critical header, which is not supported",
            Self::Type => "the token's type gives no access, such as an ID token's",
            Self::UnknownKey => "the token names a key or an algorithm that is not trusted",
            Self::Signature => "the token's signature does not match a trusted key",
            Self::Issuer => "the token's issuer is not that of its key",
            Self::Audience => "the token is for another audience",
            Self::Subject => "the token's subject cannot be a user's id",
            Self::NotYet => "the token is not valid yet: compare the clocks",
            Self::TooLong => "the token lasts for longer than GATEWAY_TOKEN_MAX_TTL_S allows",
            Self::Expired => "the token has expired",
        }
    }
}

/// A parsed token, not verified yet.
pub(crate) struct Token<'a> {
    pub(crate) header: Header,
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// The claims of a token. Times are seconds since 1970 and may have fractions (RFC 7519, section 2).
#[derive(Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    /// A single text: a list would let one issuer act as another.
    iss: String,
    aud: Audience,
    /// Some issuers mark the kind of token by a claim.
    #[serde(default)]
    typ: serde_json::Value,
    /// Another issuer may put anything here.
    #[serde(default)]
    pub(crate) sid: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The limits of a token's times, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// How far the issuer's clock may be ahead.
    pub(crate) leeway: u64,
    /// The longest remaining lifetime.
    pub(crate) longest: u64,
}

impl<'a> Token<'a> {
    /// Parses a token. Nothing in it may be trusted yet.
    pub(crate) fn read(text: &'a str) -> Result<Self, Reason> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::Malformed)?;
        let header: Header = decode(header)?;
        if header.crit {
            return Err(Reason::Critical);
        }
        if !header.typ.as_deref().is_none_or(gives_access) {
            return Err(Reason::Type);
        }
        Ok(Self { header, signed, payload, signature })
    }

    /// Whether this key signed it.
    pub(crate) fn is_signed_by(&self, key: &Key) -> bool {
        let verified = crypto::verify(self.signature, self.signed.as_bytes(), &key.decoding, key.algorithm);
        verified.unwrap_or(false)
    }

    /// The checked claims; call it only after the signature was verified.
    pub(crate) fn claims(&self, issuer: &Issuer, times: Times, now: u64) -> Result<Claims, Reason> {
        let claims: Claims = decode(self.payload)?;
        claims.check(issuer, times, now).map(|()| claims)
    }
}

impl Claims {
    /// Checks expiry last: only a token that was valid counts as expired.
    #[expect(clippy::cast_precision_loss, reason = "times of this millennium are exact")]
    fn check(&self, issuer: &Issuer, times: Times, now: u64) -> Result<(), Reason> {
        let (now, leeway, longest) = (now as f64, times.leeway as f64, times.longest as f64);
        if self.iss != issuer.name {
            return Err(Reason::Issuer);
        }
        let for_us = match &self.aud {
            Audience::One(audience) => *audience == issuer.audience,
            Audience::Many(audiences) => audiences.contains(&issuer.audience),
        };
        if !for_us {
            return Err(Reason::Audience);
        }
        if !(self.typ.is_null() || self.typ.as_str().is_some_and(gives_access)) {
            return Err(Reason::Type);
        }
        if [self.nbf, self.iat].into_iter().flatten().any(|start| start > now + leeway) {
            return Err(Reason::NotYet);
        }
        if !self.exp.is_finite() || self.exp < 0.0 {
            return Err(Reason::Malformed);
        }
        if self.exp > now + longest + leeway {
            return Err(Reason::TooLong);
        }
        if now >= self.exp { Err(Reason::Expired) } else { Ok(()) }
    }

    /// The first whole second at which it has expired.
    pub(crate) fn expires(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was checked to be a time")]
        let expires = self.exp.ceil() as u64;
        expires
    }
}

/// Whether a type is that of access tokens (RFC 9068, RFC 8725 section 3.11), or one that older issuers use.
fn gives_access(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt" | "bearer")
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Reason> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Reason::Malformed)
}
