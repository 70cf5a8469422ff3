//! The settings of another issuer whose tokens the gateway accepts.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use runtime::{Problem, Section};
use serde::{Deserialize, Serialize};

use crate::auth::verification_key::Issuer;

/// Settings of the other issuer: `GATEWAY_TRUSTED_…`. Its tokens may name any user, so it is trusted like our own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// The `iss` of its tokens. If empty, there is no other issuer.
    issuer: String,
    /// The required `aud` of its tokens.
    audience: String,
    /// Its keys: the file of a JWKS document, or the `https://` URL of one.
    jwks: String,
    /// How often a URL is fetched again, in seconds.
    refresh_s: u64,
}

/// The source of another issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    File(PathBuf),
    Url(String),
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self { issuer: String::new(), audience: "gateway".into(), jwks: String::new(), refresh_s: 300 }
    }
}

impl Section for IssuerSettings {
    const NAME: &'static str = "gateway_trusted";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.issuer.is_empty() != self.jwks.is_empty() {
            problems.push(("jwks", "and GATEWAY_TRUSTED_ISSUER must be set both or neither".into()));
        }
        if self.jwks.contains("://") && !is_safe(&self.jwks) {
            problems.push(("jwks", "must be a file, or a URL with https:// and without a user name".into()));
        }
        if self.refresh_s == 0 {
            problems.push(("refresh_s", "must be at least 1".into()));
        }
        problems
    }
}

impl IssuerSettings {
    pub(crate) fn issuer(&self) -> Option<(Issuer, Source)> {
        let source = if self.jwks.contains("://") {
            Source::Url(self.jwks.clone())
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

/// Whether nobody between us and the issuer can replace its keys. Uses the parser of the HTTP client, so that both see the
/// same host.
fn is_safe(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else { return false };
    // People may mistake the part before an @ for the host.
    let plain = !authority.as_str().contains('@');
    plain && (scheme == "https" || (scheme == "http" && is_this_machine(authority.host())))
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_without_tls_only_from_this_machine() {
        for good in [
            "https://id.example/jwks",
            "HTTPS://id.example:8443/jwks?x=@",
            "http://localhost:8080/jwks",
            "http://LOCALHOST/jwks",
            "http://127.0.0.1/jwks",
            "http://127.8.9.1:81/jwks",
            "http://[::1]:8080/jwks",
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "http://localhost:x@evil.example/jwks",
            "http://localhost:80@evil.example/jwks",
            "http://127.0.0.1:80@evil.example/",
            "https://id.example@evil.example/jwks",
            "http://localhost.evil.example/jwks",
            "HTTP://evil.example/jwks",
            "http://127.0.0.1.evil.example/",
            "http://[::1]@evil.example/",
            "http://2130706433/",
            "http://[::2]/jwks",
            "ftp://localhost/jwks",
            "http:///jwks",
            "http://",
            "://",
            "http://local host/",
        ] {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
