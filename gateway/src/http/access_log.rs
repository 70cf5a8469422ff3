//! Writes the one log line of a request: what was asked by its route, never by its address or content.

use std::time::Duration;

use contracts::Code;
use hyper::StatusCode;
use tracing::Level;

use crate::http::problem::level;
use crate::routing::route::Route;

/// What is known of a request that was answered.
pub(crate) struct AccessLogEntry<'a> {
    pub(crate) method: &'a str,
    /// The row that served it, if it got that far.
    pub(crate) route: Option<&'static Route>,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
    pub(crate) request_id: &'a str,
    /// Why it was no success.
    pub(crate) code: Option<Code>,
    /// What brought that about.
    pub(crate) cause: Option<&'a str>,
}

impl AccessLogEntry<'_> {
    pub(crate) fn write(&self) {
        let method = known(self.method);
        let route = self.route.map(|route| route.path);
        let pattern = self.route.and_then(Route::pattern);
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
        match self.code.map_or(self.everyday(), level) {
            Level::DEBUG => line!(debug),
            Level::ERROR => line!(error),
            Level::WARN => line!(warn),
            _ => line!(info),
        }
    }
}

impl AccessLogEntry<'_> {
    /// The level of a success. Pages look at the board every second: that is worth a line only to those who debug.
    fn everyday(&self) -> Level {
        if self.route.is_some_and(Route::is_public_by_setting) { Level::DEBUG } else { Level::INFO }
    }
}

/// A client may make up methods as long as a head; the log need not repeat them.
fn known(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT" | "TRACE" => method,
        _ => "other",
    }
}
