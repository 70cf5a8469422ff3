//! What the gateway can be told, with its defaults.

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
use crate::routing::router::LaneBounds;

/// Settings of the gateway.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Where clients come in.
    pub listen: SocketAddr,
    /// Where probes come in; keep it on a loopback or private address.
    pub admin_listen: SocketAddr,
    /// `tokens` verifies access tokens; `mock` believes any JWT, for development without a user service.
    pub auth: AuthMode,
    /// The Ed25519 public key (PEM) that access tokens are verified with, or a directory of such, each in a `.pem` file.
    pub token_public_key_file: String,
    /// The `iss` an access token must have.
    pub token_issuer: String,
    /// The `aud` an access token must have.
    pub token_audience: String,
    /// How far another's clock may be ahead of ours, in seconds: tokens that begin later than that are refused. A token
    /// expires to the second all the same.
    pub token_leeway_s: u64,
    /// How long a token may last from now, in seconds; one that lasts longer is refused.
    pub token_max_ttl_s: u64,
    /// Origins whose pages may call from a browser, comma separated.
    pub cors_origins: String,
    /// How long a request may take from its last byte to its answer, in milliseconds.
    pub request_timeout_ms: u64,
    /// How long a request's head may take to arrive, in milliseconds; also how long an idle connection is kept.
    pub header_timeout_ms: u64,
    /// How long a request's body may take to arrive, and a client to take any part of its answer, in milliseconds.
    pub body_timeout_ms: u64,
    /// The largest body taken, in bytes.
    pub body_limit_bytes: usize,
    /// How many connections are served at a time. For one more the one that was idle for longest is closed; while all are
    /// being served, more wait in the kernel's queue.
    pub connection_limit: usize,
    /// How many requests of one pattern may be in flight; more are answered 503 at once.
    pub in_flight_per_pattern: usize,
    /// How long a request waits for a worker while nobody serves its pattern, in milliseconds; then it is answered 503, and
    /// certainly not executed. 0 refuses it at once.
    pub wait_for_worker_ms: u64,
    /// How many requests of one pattern may wait so; more are answered 503 at once.
    pub waiting_per_pattern: u32,
    /// Live feeds that one user may have open at a time.
    pub streams_per_user: usize,
    /// After this much silence a live feed sends a comment, in milliseconds, so that proxies and clients keep it; a
    /// client that has left is noticed by it.
    pub stream_heartbeat_ms: u64,
    /// How long requests in flight may take after the first SIGTERM, in milliseconds.
    pub drain_ms: u64,
    /// Whether another gateway may listen at the same addresses (`SO_REUSEPORT`), so that a new one can take over from an old
    /// one. It then takes nothing in before it has reached the broker, and leaves idle clients time to come once more.
    pub reuse_port: bool,
    /// Threads that serve requests. One is enough until it is busy all the time.
    pub threads: usize,
    /// Addresses and networks of proxies whose `X-Forwarded-For` is believed, comma separated. None by default.
    pub trusted_proxies: String,
    /// Whether anybody may see `GET /system`, which names no hosts and no users; otherwise only who has a token.
    pub public_system: bool,
    /// The delays between two attempts of a listener, in milliseconds; from the section `EVENTS_…`.
    #[serde(skip)]
    pub retry_delays_ms: Vec<u32>,
    /// How long listeners remember what they have applied, in hours; from the section `EVENTS_…`.
    #[serde(skip)]
    pub inbox_h: u32,
    /// Rate limits; a section of its own.
    #[serde(skip)]
    pub limits: LimitSettings,
    /// Another issuer whose tokens are believed; a section of its own.
    #[serde(skip)]
    pub trusted: IssuerSettings,
}

/// What the gateway must know of the listeners' settings. The other keys are theirs, and no mistake where all processes
/// have the same environment.
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
                "must be a loopback address such as 127.0.0.1:3003 while GATEWAY_AUTH=mock believes any token";
            problems.push(("listen", problem.into()));
        }
        if let Err(origin) = self.origins() {
            problems.push(("cors_origins", format!("holds {origin:?}, {AN_ORIGIN}")));
        }
        if let Err(item) = self.proxies() {
            let problem = format!("holds {item:?}, which is neither an address nor a network such as 10.0.0.0/8");
            problems.push(("trusted_proxies", problem));
        }
        let zeros = self.numbers().into_iter().filter(|(_, number)| *number == 0);
        problems.extend(zeros.map(|(key, _)| (key, "must be at least 1".into())));
        problems
    }
}

const AN_ORIGIN: &str = "which is no origin: a scheme, a host and perhaps a port, such as http://localhost:3000";

impl GatewaySettings {
    /// Reads them, with the sections that belong to them.
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

    /// The origins of `cors_origins`; the error is the first that is none. `*` is none: answers carry credentials.
    pub(crate) fn origins(&self) -> Result<Vec<HeaderValue>, &str> {
        let origins = self.cors_origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(|origin| HeaderValue::from_str(origin).ok().filter(|_| is_origin(origin)).ok_or(origin)).collect()
    }

    /// The proxies of `trusted_proxies`; the error is the first item that is none.
    pub(crate) fn proxies(&self) -> Result<Proxies, &str> {
        Proxies::parse(&self.trusted_proxies)
    }

    /// What the verifier of access tokens must know.
    pub(crate) fn auth(&self) -> AuthSettings {
        AuthSettings {
            mode: self.auth,
            public_key_file: self.token_public_key_file.clone().into(),
            issuer: Issuer { name: self.token_issuer.clone(), audience: self.token_audience.clone() },
            times: Times { leeway: self.token_leeway_s, longest: self.token_max_ttl_s },
            trusted: self.trusted.clone(),
        }
    }

    /// What bounds the requests of each pattern.
    pub(crate) fn lanes(&self) -> LaneBounds {
        LaneBounds {
            in_flight: self.in_flight_per_pattern,
            waiting: self.waiting_per_pattern,
            wait: Duration::from_millis(self.wait_for_worker_ms),
        }
    }

    /// What live feeds must know.
    pub(crate) fn event_streams(&self) -> EventStreamSettings {
        EventStreamSettings {
            per_user: self.streams_per_user,
            heartbeat: Duration::from_millis(self.stream_heartbeat_ms),
            patience: self.request_timeout(),
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
    fn mock_mode_keeps_to_the_loopback() {
        let mock = |listen: &str| {
            problem(|settings| {
                (settings.auth, settings.listen) = (AuthMode::Mock, listen.parse().unwrap());
                settings.token_public_key_file.clear();
            })
        };
        assert_eq!([mock("127.0.0.1:1"), mock("[::1]:1"), mock("0.0.0.0:1")], [None, None, Some("listen")]);
    }

    #[test]
    fn only_origins_are_origins() {
        for bad in ["*", "localhost:3000", "http://localhost:3000/", "http://a b", "http://", "null"] {
            assert_eq!(problem(|settings| settings.cors_origins = bad.into()), Some("cors_origins"), "{bad}");
        }
        assert_eq!(problem(|settings| settings.cors_origins = " https://a.example , http://[::1]:3000,".into()), None);
        assert_eq!(problem(|settings| settings.cors_origins.clear()), None);
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        assert_eq!(problem(|settings| settings.connection_limit = 0), Some("connection_limit"));
        assert_eq!(problem(|settings| settings.threads = 0), Some("threads"));
    }
}
