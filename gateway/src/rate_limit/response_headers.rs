//! The response headers of rate limits: the client's remaining quota (IETF draft `ratelimit-headers`).

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::rate_limit::limit::Limit;
use crate::rate_limit::sliding_window::Quota;

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The state of a quota.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) name: &'static str,
    quota: Quota,
    remaining: u32,
    /// Seconds until the next request is admitted, if the quota is used up.
    pub(crate) wait: Option<u32>,
}

impl Rate {
    /// The state of a route's limit.
    pub(crate) fn new(limit: Limit, quota: Quota, used: f64, wait: Option<u32>) -> Self {
        let name = match limit {
            Limit::Registrations => "registrations",
            Limit::Logins => "logins",
            Limit::Passwords => "passwords",
        };
        Self::named(name, quota, used, wait)
    }

    /// The state of any limit.
    pub(crate) fn named(name: &'static str, quota: Quota, used: f64, wait: Option<u32>) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to the limit")]
        let remaining = (f64::from(quota.limit) - used).max(0.0) as u32;
        Self { name, quota, remaining: if wait.is_some() { 0 } else { remaining }, wait }
    }

    /// Writes `RateLimit-Policy: "logins";q=60;w=60` and `RateLimit: "logins";r=59;t=60`.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { name, quota: Quota { limit, seconds }, remaining, wait } = self;
        let reset = wait.unwrap_or(*seconds);
        let policy = format!("\"{name}\";q={limit};w={seconds}");
        let state = format!("\"{name}\";r={remaining};t={reset}");
        for (header, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            headers.insert(header, HeaderValue::from_str(&text).expect("names and numbers are visible ASCII"));
        }
    }
}
