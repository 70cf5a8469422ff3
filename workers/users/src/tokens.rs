//! Issues access tokens, which the gateway verifies by their signature alone.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use runtime::{Problem, Section, SettingError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use worker_runtime::Failure;

const HOW_TO_MAKE_A_KEY: &str = "make one with `openssl genpkey -algorithm ed25519 -out token-private.pem`";

/// Settings about tokens: `USERS_TOKEN_…`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// The Ed25519 private key that signs access tokens, a PKCS#8 PEM file. There is no default.
    private_key_file: String,
    /// The lifetime of an access token, in seconds.
    ttl_s: u64,
    /// The lifetime of a refresh token, in seconds: an unused session ends after this time.
    refresh_ttl_s: u32,
    /// How long a used refresh token still leads to its successor, in seconds, for two tabs that refresh at once and
    /// for lost answers. Later it ends the session.
    refresh_grace_s: u32,
    /// The longest lifetime of a session, in seconds, however much it is used.
    session_ttl_s: u32,
    /// The issuer: the `iss` of access tokens. The gateway needs the same value.
    issuer: String,
    /// The audience: their `aud`. The gateway needs the same value.
    audience: String,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            private_key_file: String::new(),
            ttl_s: 15 * 60,
            refresh_ttl_s: 7 * 24 * 60 * 60,
            refresh_grace_s: 10,
            session_ttl_s: 30 * 24 * 60 * 60,
            issuer: "users".into(),
            audience: "gateway".into(),
        }
    }
}

impl Section for TokenSettings {
    const NAME: &'static str = "users_token";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.private_key_file.is_empty() {
            let problem = format!("must name a PEM file with an Ed25519 key: {HOW_TO_MAKE_A_KEY}");
            problems.push(("private_key_file", problem));
        }
        for (key, seconds) in [("ttl_s", self.ttl_s), ("refresh_ttl_s", self.refresh_ttl_s.into())] {
            if seconds == 0 {
                problems.push((key, "must be at least 1".into()));
            }
        }
        if self.session_ttl_s < self.refresh_ttl_s {
            problems.push(("session_ttl_s", "must be at least USERS_TOKEN_REFRESH_TTL_S".into()));
        }
        problems
    }
}

/// Issues access tokens.
pub struct Tokens {
    key: EncodingKey,
    /// With the key's id, its thumbprint (RFC 7638), which the gateway computes from the public half.
    header: Header,
    settings: TokenSettings,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    email: &'a str,
    sid: Uuid,
    iat: u64,
    exp: u64,
    jti: Uuid,
}

impl Tokens {
    /// Reads the private key.
    pub fn new(settings: TokenSettings) -> Result<Self, SettingError> {
        let wrong = |problem: &dyn std::fmt::Display| {
            let file = &settings.private_key_file;
            let problem = format!("names {file}, which cannot be used ({problem}): {HOW_TO_MAKE_A_KEY}");
            SettingError::new::<TokenSettings>("private_key_file", problem)
        };
        let pem = std::fs::read(&settings.private_key_file).map_err(|error| wrong(&error))?;
        let key = EncodingKey::from_ed_pem(&pem).map_err(|_| wrong(&"it holds no Ed25519 private key in PEM"))?;
        let jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(|error| wrong(&error))?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|error| wrong(&error))?;
        let header = Header { kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
        Ok(Self { key, header, settings })
    }

    /// A new access token for a session of a user.
    pub fn access_token(&self, user: Uuid, email: &str, session: Uuid) -> Result<String, Failure> {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Failure::broken)?.as_secs();
        let claims = Claims {
            iss: &self.settings.issuer,
            aud: &self.settings.audience,
            sub: user,
            email,
            sid: session,
            iat,
            exp: iat + self.settings.ttl_s,
            jti: Uuid::now_v7(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(Failure::broken)
    }

    /// How long an unused session lasts, in seconds.
    pub fn idle_seconds(&self) -> i64 {
        self.settings.refresh_ttl_s.into()
    }

    /// How long a session lasts at most, in seconds.
    pub fn session_seconds(&self) -> i64 {
        self.settings.session_ttl_s.into()
    }

    /// How long a used refresh token still leads to its successor, in seconds.
    pub fn grace_seconds(&self) -> i64 {
        self.settings.refresh_grace_s.into()
    }
}
