//! The settings of the gateway, with their defaults.

use std::net::SocketAddr;
use std::time::Duration;

use amqp::topology::{RETRY_MS, delays_ms};
use hyper::header::HeaderValue;
use runtime::{Problem, Section, SettingError, Settings};
use serde::{Deserialize, Serialize};

use crate::auth::access_token::Times;
use crate::auth::issuer_settings::IssuerSettings;
use crate::auth::settings::{AuthMode, AuthSettings, HOW_TO_MAKE_A_KEY};
use crate::auth::verification_key::Issuer;
use crate::endpoints::event_stream::EventStreamSettings;
use crate::http::client_ip::Proxies;
use crate::rate_limit::settings::LimitSettings;
use crate::routing::router::PatternLimits;

/// Settings of the gateway.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// The address for clients.
    pub listen: SocketAddr,
    /// The address for probes and metrics; keep it loopback or private.
    pub admin_listen: SocketAddr,
    /// `tokens` verifies access tokens; `mock` accepts any JWT, for development without a user service.
    pub auth: AuthMode,
    /// The Ed25519 public key (PEM) that verifies access tokens, or a directory of `.pem` files.
    pub token_public_key_file: String,
    /// The required `iss` of access tokens.
    pub token_issuer: String,
    /// The required `aud` of access tokens.
    pub token_audience: String,
    /// How far the issuer's clock may be ahead, in seconds: tokens that start later than that are rejected. The leeway does
    /// not extend a token's expiry.
    pub token_leeway_s: u64,
    /// The longest remaining lifetime of a token, in seconds; one that lasts longer is rejected.
    pub token_max_ttl_s: u64,
    /// Origins whose pages may call the gateway from a browser, comma separated.
    pub cors_origins: String,
    /// How long a request may take from its last byte to its response, in milliseconds.
    pub request_timeout_ms: u64,
    /// How long the head of a request may take to arrive, in milliseconds; also how long an idle connection is kept.
    pub header_timeout_ms: u64,
    /// How long the body of a request may take to arrive, and how long a write to a client may stall, in milliseconds.
    pub body_timeout_ms: u64,
    /// The largest request body, in bytes.
    pub body_limit_bytes: usize,
    /// The most open connections. One more closes the longest idle one; while all are busy, it waits in the kernel's queue.
    pub connection_limit: usize,
    /// The most requests of one pattern in flight; more are answered 503 at once. The limit falls while many replies take more
    /// than half of the request timeout.
    pub in_flight_per_pattern: usize,
    /// How long a request waits for a worker if none serves its pattern, in milliseconds; then it is answered 503, and is
    /// certainly not executed. With 0 it is answered at once.
    pub wait_for_worker_ms: u64,
    /// The most requests of one pattern that wait for a worker; more are answered 503 at once.
    pub waiting_per_pattern: u32,
    /// The most live feeds that one user may have open.
    pub streams_per_user: usize,
    /// After this much silence a live feed sends a comment, in milliseconds. It keeps proxies and clients connected, and
    /// detects clients that have left.
    pub stream_heartbeat_ms: u64,
    /// How long requests in flight may take after the first SIGTERM, in milliseconds.
    pub drain_ms: u64,
    /// Whether another gateway may listen on the same addresses (`SO_REUSEPORT`), so that a new one can take over from an old
    /// one. It then accepts no connections before it has reached the broker, and keeps idle connections longer when it stops.
    pub reuse_port: bool,
    /// The threads that serve requests. One is enough until it is always busy.
    pub threads: usize,
    /// Addresses and networks of proxies whose `X-Forwarded-For` is trusted, comma separated. None by default.
    pub trusted_proxies: String,
    /// Whether `GET /system`, which names no hosts and no users, is public; otherwise it needs an access token.
    pub public_system: bool,
    /// One in this many requests without a `traceparent` starts a sampled trace; none with 0. See `signalbox trace`. A client's
    /// `traceparent` decides for its own requests.
    pub trace_one_in: u64,
    /// The retry delays of listeners, in milliseconds; from the section `EVENTS_…`.
    #[serde(skip)]
    pub retry_delays_ms: Vec<u32>,
    /// How long listeners keep their inbox entries, in hours; from the section `EVENTS_…`.
    #[serde(skip)]
    pub inbox_h: u32,
    /// Rate limits; a separate section.
    #[serde(skip)]
    pub limits: LimitSettings,
    /// Another issuer whose tokens are accepted; a separate section.
    #[serde(skip)]
    pub trusted: IssuerSettings,
}

/// The settings of listeners that the gateway needs. The other keys belong to listeners; they are listed because all
/// processes may have the same environment.
#[derive(Serialize, Deserialize)]
struct Events {
    retry_ms: String,
    outbox_h: u32,
    inbox_h: u32,
}

impl Default for Events {
    fn default() -> Self {
        Self { retry_ms: RETRY_MS.into(), outbox_h: 7 * 24, inbox_h: 30 * 24 }
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3003)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 3004)),
            auth: AuthMode::Tokens,
            token_public_key_file: String::new(),
            token_issuer: "users".into(),
            token_audience: "gateway".into(),
            token_leeway_s: 5,
            token_max_ttl_s: 24 * 60 * 60,
            cors_origins: "http://localhost:3000,http://localhost:3003".into(),
            request_timeout_ms: 5_000,
            header_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            body_limit_bytes: 65_536,
            connection_limit: 1_024,
            in_flight_per_pattern: 256,
            wait_for_worker_ms: 2_000,
            waiting_per_pattern: 256,
            streams_per_user: 16,
            stream_heartbeat_ms: 5_000,
            drain_ms: 10_000,
            reuse_port: false,
            threads: 1,
            trusted_proxies: String::new(),
            public_system: true,
            trace_one_in: 100,
            retry_delays_ms: Vec::new(),
            inbox_h: Events::default().inbox_h,
            limits: LimitSettings::default(),
            trusted: IssuerSettings::default(),
        }
    }
}

impl Section for GatewaySettings {
    const NAME: &'static str = "gateway";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.auth == AuthMode::Tokens && self.token_public_key_file.is_empty() {
            problems.push(("token_public_key_file", format!("must name a file: {HOW_TO_MAKE_A_KEY}")));
        }
        if self.auth == AuthMode::Mock && !self.listen.ip().is_loopback() {
            let problem =
                "must be a loopback address such as 127.0.0.1:3003, because GATEWAY_AUTH=mock accepts any token";
            problems.push(("listen", problem.into()));
        }
        if let Err(origin) = self.origins() {
            problems.push(("cors_origins", format!("contains {origin:?}, {AN_ORIGIN}")));
        }
        if let Err(item) = self.proxies() {
            let problem = format!("contains {item:?}, which is neither an address nor a network such as 10.0.0.0/8");
            problems.push(("trusted_proxies", problem));
        }
        let zeros = self.numbers().into_iter().filter(|(_, number)| *number == 0);
        problems.extend(zeros.map(|(key, _)| (key, "must be at least 1".into())));
        problems
    }
}

const AN_ORIGIN: &str = "which is not an origin: a scheme, a host and optionally a port, such as http://localhost:3000";

impl GatewaySettings {
    /// Reads the settings, with the sections that belong to them.
    pub fn read(settings: &mut Settings) -> Result<Self, SettingError> {
        let (retry_delays_ms, inbox_h) = settings.parsed("events", |events: &Events| {
            let problem = "must be at most eight numbers of milliseconds, such as 1000,5000,30000";
            let delays_ms = delays_ms(&events.retry_ms).ok_or_else(|| ("retry_ms", problem.into()))?;
            Ok((delays_ms, events.inbox_h))
        })?;
        Ok(Self {
            retry_delays_ms,
            inbox_h,
            trusted: settings.section()?,
            limits: settings.section()?,
            ..settings.section()?
        })
    }

    fn numbers(&self) -> [(&'static str, u64); 10] {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        [
            ("request_timeout_ms", self.request_timeout_ms),
            ("token_max_ttl_s", self.token_max_ttl_s),
            ("header_timeout_ms", self.header_timeout_ms),
            ("body_timeout_ms", self.body_timeout_ms),
            ("body_limit_bytes", wide(self.body_limit_bytes)),
            ("connection_limit", wide(self.connection_limit)),
            ("in_flight_per_pattern", wide(self.in_flight_per_pattern)),
            ("streams_per_user", wide(self.streams_per_user)),
            ("stream_heartbeat_ms", self.stream_heartbeat_ms),
            ("threads", wide(self.threads)),
        ]
    }

    /// The origins of `cors_origins`; the error is the first invalid one. `*` is invalid: responses are for credentials.
    pub(crate) fn origins(&self) -> Result<Vec<HeaderValue>, &str> {
        let origins = self.cors_origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(|origin| HeaderValue::from_str(origin).ok().filter(|_| is_origin(origin)).ok_or(origin)).collect()
    }

    /// The proxies of `trusted_proxies`; the error is the first invalid item.
    pub(crate) fn proxies(&self) -> Result<Proxies, &str> {
        Proxies::parse(&self.trusted_proxies)
    }

    /// The settings of authentication.
    pub(crate) fn auth(&self) -> AuthSettings {
        AuthSettings {
            mode: self.auth,
            public_key_file: self.token_public_key_file.clone().into(),
            issuer: Issuer { name: self.token_issuer.clone(), audience: self.token_audience.clone() },
            times: Times { leeway: self.token_leeway_s, longest: self.token_max_ttl_s },
            trusted: self.trusted.clone(),
        }
    }

    /// The limits of each pattern.
    pub(crate) fn pattern_limits(&self) -> PatternLimits {
        PatternLimits {
            in_flight: self.in_flight_per_pattern,
            late: self.request_timeout() / 2,
            waiting: self.waiting_per_pattern,
            wait: Duration::from_millis(self.wait_for_worker_ms),
        }
    }

    /// The settings of event streams.
    pub(crate) fn event_streams(&self) -> EventStreamSettings {
        EventStreamSettings {
            per_user: self.streams_per_user,
            heartbeat: Duration::from_millis(self.stream_heartbeat_ms),
            catch_up_timeout: self.request_timeout(),
        }
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// How long a drain may take.
    pub fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        && !scheme.is_empty()
        && !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut GatewaySettings)) -> Option<&'static str> {
        let mut settings = GatewaySettings { token_public_key_file: "k.pem".into(), ..GatewaySettings::default() };
        change(&mut settings);
        settings.check().into_iter().map(|(key, _)| key).next()
    }

    #[test]
    fn the_defaults_lack_only_the_key() {
        assert_eq!(problem(|_| {}), None);
        let problems = GatewaySettings::default().check();
        let [(key, text)] = problems.as_slice() else { panic!("{problems:?}") };
        assert_eq!(*key, "token_public_key_file");
        assert!(text.contains("openssl genpkey -algorithm ed25519") && text.contains("openssl pkey"), "{text}");
    }

    #[test]
    fn mock_mode_requires_a_loopback_address() {
        let mock = |listen: &str| {
            problem(|settings| {
                (settings.auth, settings.listen) = (AuthMode::Mock, listen.parse().unwrap());
                settings.token_public_key_file.clear();
            })
        };
        assert_eq!([mock("127.0.0.1:1"), mock("[::1]:1"), mock("0.0.0.0:1")], [None, None, Some("listen")]);
    }

    #[test]
    fn only_origins_are_accepted() {
        for bad in ["*", "localhost:3000", "http://localhost:3000/", "http://a b", "http://", "null"] {
            assert_eq!(problem(|settings| settings.cors_origins = bad.into()), Some("cors_origins"), "{bad}");
        }
        assert_eq!(problem(|settings| settings.cors_origins = " https://a.example , http://[::1]:3000,".into()), None);
        assert_eq!(problem(|settings| settings.cors_origins.clear()), None);
    }

    #[test]
    fn a_limit_of_zero_is_rejected() {
        assert_eq!(problem(|settings| settings.connection_limit = 0), Some("connection_limit"));
        assert_eq!(problem(|settings| settings.threads = 0), Some("threads"));
    }
}
