//! What the gateway can be told of another issuer whose tokens it believes.

use std::path::PathBuf;
use std::time::Duration;

use process::Section;
use serde::{Deserialize, Serialize};

use crate::keys::Issuer;

/// Settings of the other issuer: `GATEWAY_TRUSTED_…`. Its tokens may name any user, so it is trusted like our own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedSettings {
    /// The `iss` of its tokens. Empty: there is no other issuer.
    issuer: String,
    /// The `aud` its tokens must have.
    audience: String,
    /// Its keys: the file of a JWKS document, or the `https://` address of one.
    jwks: String,
    /// How often an address is asked again, in seconds.
    refresh_s: u64,
}

/// Where another issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Address(String),
}

impl Default for TrustedSettings {
    fn default() -> Self {
        Self { issuer: String::new(), audience: "gateway".into(), jwks: String::new(), refresh_s: 300 }
    }
}

impl Section for TrustedSettings {
    const NAME: &'static str = "gateway_trusted";

    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.issuer.is_empty() != self.jwks.is_empty() {
            return Err(("jwks", "and GATEWAY_TRUSTED_ISSUER must be set both or neither".into()));
        }
        // Keys that came in the clear could be anybody's.
        if self.jwks.starts_with("http://") && !is_local(&self.jwks) {
            return Err(("jwks", "must be a file or an address with https://".into()));
        }
        if self.refresh_s == 0 {
            return Err(("refresh_s", "must be at least 1".into()));
        }
        Ok(())
    }
}

impl TrustedSettings {
    pub(crate) fn issuer(&self) -> Option<(Issuer, Source)> {
        let source = if self.jwks.contains("://") {
            Source::Address(self.jwks.clone())
        } else {
            Source::File(self.jwks.clone().into())
        };
        let issuer = Issuer { name: self.issuer.clone(), audience: self.audience.clone() };
        (!self.issuer.is_empty()).then_some((issuer, source))
    }

    pub(crate) fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh_s)
    }
}

fn is_local(address: &str) -> bool {
    ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|local| address.starts_with(local))
}
