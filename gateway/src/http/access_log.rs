//! The access log: one line for each request, with its route and never its URL or content.

use std::time::Duration;

use contracts::Code;
use hyper::StatusCode;
use tracing::Level;

use crate::http::problem::level;

/// An entry of the access log.
pub(crate) struct AccessLogEntry<'a> {
    pub(crate) method: &'a str,
    /// The path of its route, if one was found.
    pub(crate) route: Option<&'static str>,
    /// The pattern of the route.
    pub(crate) pattern: Option<&'static str>,
    /// Whether a success is logged only at debug level: pages poll the system's state every second.
    pub(crate) quiet: bool,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
    pub(crate) request_id: &'a str,
    /// The error code, if it failed.
    pub(crate) code: Option<Code>,
    /// The cause of the failure.
    pub(crate) cause: Option<&'a str>,
}

impl AccessLogEntry<'_> {
    pub(crate) fn write(&self) {
        let method = known_method(self.method);
        let (route, pattern) = (self.route, self.pattern);
        let status = self.status.as_u16();
        let duration_ms = (self.took.as_secs_f64() * 1e6).round() / 1e3;
        let request_id = self.request_id;
        let code = self.code.map(Code::as_str);
        let error = self.cause;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(method, route, pattern, status, duration_ms, request_id, code, error, "request")
            };
        }
        let success = if self.quiet { Level::DEBUG } else { Level::INFO };
        match self.code.map_or(success, level) {
            Level::DEBUG => line!(debug),
            Level::ERROR => line!(error),
            Level::WARN => line!(warn),
            _ => line!(info),
        }
    }
}

/// The method, or `other` for an unknown one: clients may send arbitrary and long methods.
pub(crate) fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
