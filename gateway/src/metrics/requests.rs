//! Counts the requests that this gateway answers, under the names of OpenTelemetry's semantic conventions for HTTP (1.29,
//! stable): by route, method, status and code, never by address, user or content.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contracts::Code;
use contracts::control::{BOUNDS_S, ProcessInfo, Stats, WorkStats};
use hyper::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use runtime::usage;

/// What requests are told apart by. Each has few values: methods and routes of the table, and codes of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: &'static str,
    http_route: &'static str,
    http_response_status_code: u16,
    /// The code of the problem; empty for a success.
    error_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pattern {
    pattern: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What one gateway has counted.
pub struct RequestMetrics {
    registry: Registry,
    duration: Family<RequestLabels, Histogram>,
    refused: Family<Reason, Counter>,
    asking: Family<Pattern, Gauge>,
    in_flight: AtomicU32,
    outcomes: Mutex<BTreeMap<&'static str, u64>>,
}

/// A request that was answered.
pub(crate) struct Answered {
    pub(crate) method: &'static str,
    /// The route that served it, if there was one.
    pub(crate) route: Option<&'static str>,
    pub(crate) status: StatusCode,
    pub(crate) code: Option<Code>,
    pub(crate) took: Duration,
}

impl RequestMetrics {
    /// Has counted nothing.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let duration: Family<RequestLabels, Histogram> = Family::new_with_constructor(|| Histogram::new(BOUNDS_S));
        let refused: Family<Reason, Counter> = Family::default();
        let asking: Family<Pattern, Gauge> = Family::default();
        let help = "How long requests took from their first byte to their answer";
        registry.register_with_unit("http_server_request_duration", help, Unit::Seconds, Family::clone(&duration));
        let help = "Requests that were refused to protect the system, by reason";
        registry.register("http_server_refused_requests", help, Family::clone(&refused));
        let help = "Requests that are with a worker, or on their way there and back";
        registry.register("gateway_requests_in_flight", help, Family::clone(&asking));
        Self { registry, duration, refused, asking, in_flight: AtomicU32::new(0), outcomes: Mutex::default() }
    }

    pub(crate) fn count(&self, answered: &Answered) {
        let code = answered.code.map(Code::as_str);
        let labels = RequestLabels {
            http_request_method: answered.method,
            http_route: answered.route.unwrap_or_default(),
            http_response_status_code: answered.status.as_u16(),
            error_type: code.unwrap_or_default(),
        };
        self.duration.get_or_create(&labels).observe(answered.took.as_secs_f64());
        if let Some(reason @ (Code::TooManyRequests | Code::Overloaded)) = answered.code {
            self.refused.get_or_create(&Reason { reason: reason.as_str() }).inc();
        }
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        *outcomes.entry(code.unwrap_or("ok")).or_default() += 1;
    }

    /// A pattern is asked for as long as the guard lives.
    pub(crate) fn ask(&self, pattern: &'static str) -> Asking<'_> {
        let gauge = self.asking.get_or_create(&Pattern { pattern }).clone();
        gauge.inc();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Asking { metrics: self, gauge }
    }

    /// Writes everything as OpenMetrics text, without its end.
    pub(crate) fn write(&self, text: &mut String) -> fmt::Result {
        encode_registry(text, &self.registry)
    }

    /// What the gateway tells of itself on the exchange `control`.
    pub fn stats(&self, info: &ProcessInfo) -> Stats {
        let outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        let used = usage::now();
        let work = WorkStats {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            outcomes: outcomes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            memory_bytes: used.memory_bytes,
            cpu_s: used.cpu_s,
            ..WorkStats::default()
        };
        Stats {
            name: info.name.clone(),
            instance: info.instance,
            database: None,
            outbox: None,
            process: Some(info.clone()),
            work: Some(work),
        }
    }
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts a request as in flight.
pub(crate) struct Asking<'m> {
    metrics: &'m RequestMetrics,
    gauge: Gauge,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
        self.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_is_bounded() {
        let metrics = RequestMetrics::new();
        let answered = |status: u16, code| Answered {
            method: "POST",
            route: Some("/orders"),
            status: StatusCode::from_u16(status).unwrap(),
            code,
            took: Duration::from_millis(3),
        };
        metrics.count(&answered(201, None));
        metrics.count(&answered(429, Some(Code::TooManyRequests)));
        let asking = metrics.ask("orders.create");
        let text = || {
            let mut text = String::new();
            metrics.write(&mut text).unwrap();
            text
        };
        for line in [
            r#"http_server_request_duration_seconds_count{http_request_method="POST",http_route="/orders",http_response_status_code="201",error_type=""} 1"#,
            r#"http_server_refused_requests_total{reason="too_many_requests"} 1"#,
            r#"gateway_requests_in_flight{pattern="orders.create"} 1"#,
        ] {
            assert!(text().contains(line), "{line}: {}", text());
        }
        drop(asking);
        assert!(text().contains(r#"gateway_requests_in_flight{pattern="orders.create"} 0"#));
    }
}
