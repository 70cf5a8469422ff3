//! Makes tokens: access tokens that the gateway verifies by signature alone, and opaque refresh tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::users;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use process::{Section, SettingError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use worker::Failure;

const HOW_TO_MAKE_A_KEY: &str = "make one with `openssl genpkey -algorithm ed25519 -out token-private.pem`";

/// Settings about tokens: `USERS_TOKEN_…`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// The Ed25519 private key that signs access tokens, a PKCS#8 PEM file. There is no default.
    private_key_file: String,
    /// How long an access token is good, in seconds.
    ttl_s: u64,
    /// How long a refresh token is good, in seconds.
    refresh_ttl_s: u32,
    /// Who issues: the `iss` of access tokens. The gateway must be told the same.
    issuer: String,
    /// For whom: their `aud`. The gateway must be told the same.
    audience: String,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            private_key_file: String::new(),
            ttl_s: 15 * 60,
            refresh_ttl_s: 7 * 24 * 60 * 60,
            issuer: "users".into(),
            audience: "gateway".into(),
        }
    }
}

impl Section for TokenSettings {
    const NAME: &'static str = "users_token";

    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.private_key_file.is_empty() {
            return Err(("private_key_file", format!("must name a PEM file with an Ed25519 key: {HOW_TO_MAKE_A_KEY}")));
        }
        if self.ttl_s == 0 {
            return Err(("ttl_s", "must be at least 1".into()));
        }
        Ok(())
    }
}

/// Makes tokens.
pub struct Tokens {
    key: EncodingKey,
    settings: TokenSettings,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    email: &'a str,
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
        Ok(Self { key, settings })
    }

    /// A new pair for a user.
    pub fn issue(&self, user: Uuid, email: &str) -> Result<users::Tokens, Failure> {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).map_err(Failure::broken)?.as_secs();
        let claims = Claims {
            iss: &self.settings.issuer,
            aud: &self.settings.audience,
            sub: user,
            email,
            iat,
            exp: iat + self.settings.ttl_s,
            jti: Uuid::now_v7(),
        };
        let access_token =
            jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key).map_err(Failure::broken)?;
        Ok(users::Tokens { access_token, refresh_token: refresh_token()? })
    }

    /// How long a refresh token is good, in seconds.
    pub fn refresh_seconds(&self) -> i64 {
        self.settings.refresh_ttl_s.into()
    }
}

/// 256 bits from the operating system, in hexadecimal.
fn refresh_token() -> Result<String, Failure> {
    use std::fmt::Write;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Failure::broken(error.to_string()))?;
    Ok(secret.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
