//! Metrics of the requests that this gateway answers, named by OpenTelemetry's semantic conventions for HTTP (1.29, stable):
//! by route, method, status and code, never by URL, user or content.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contracts::Code;
use contracts::control::{BOUNDS_S, Histogram as Buckets, HttpStats, ProcessInfo, Stats, WorkStats};
use hyper::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use runtime::usage;

use crate::metrics::labels::Pattern;
use crate::metrics::overload::OverloadMetrics;

/// The labels of requests. Each has few values: the methods and routes of the table, and our error codes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: &'static str,
    http_route: &'static str,
    http_response_status_code: u16,
    /// The code of the problem; empty for a success.
    error_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// The request metrics of this gateway.
pub struct RequestMetrics {
    registry: Registry,
    duration: Family<RequestLabels, Histogram>,
    refused: Family<Reason, Counter>,
    calls: Family<Pattern, Gauge>,
    overload: OverloadMetrics,
    in_flight: AtomicU32,
    status: Mutex<StatusCounters>,
}

/// What is reported on the exchange `control`, in the same buckets as by workers.
#[derive(Default)]
struct StatusCounters {
    outcomes: BTreeMap<&'static str, u64>,
    /// By the pattern that the route calls; see [`WorkStats::http`].
    http: BTreeMap<&'static str, HttpStats>,
}

/// A request that was answered.
pub(crate) struct CompletedRequest {
    pub(crate) method: &'static str,
    /// Its route, if one was found.
    pub(crate) route: Option<&'static str>,
    /// The pattern that its route calls; see [`WorkStats::http`].
    pub(crate) pattern: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) code: Option<Code>,
    pub(crate) took: Duration,
}

impl RequestMetrics {
    /// Starts with zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let duration: Family<RequestLabels, Histogram> = Family::new_with_constructor(|| Histogram::new(BOUNDS_S));
        let refused: Family<Reason, Counter> = Family::default();
        let calls: Family<Pattern, Gauge> = Family::default();
        let help = "Duration of requests from their first byte to their response";
        registry.register_with_unit("http_server_request_duration", help, Unit::Seconds, Family::clone(&duration));
        let help = "Requests rejected to protect the system, by reason";
        registry.register("http_server_refused_requests", help, Family::clone(&refused));
        let help = "Requests sent to workers and not yet answered";
        registry.register("gateway_requests_in_flight", help, Family::clone(&calls));
        let overload = OverloadMetrics::register(&mut registry);
        let in_flight = AtomicU32::new(0);
        Self { registry, duration, refused, calls, overload, in_flight, status: Mutex::default() }
    }

    /// The metrics of the limits of each pattern.
    pub(crate) fn overload(&self) -> &OverloadMetrics {
        &self.overload
    }

    pub(crate) fn count(&self, request: &CompletedRequest) {
        let code = request.code.map(Code::as_str);
        let labels = RequestLabels {
            http_request_method: request.method,
            http_route: request.route.unwrap_or_default(),
            http_response_status_code: request.status.as_u16(),
            error_type: code.unwrap_or_default(),
        };
        self.duration.get_or_create(&labels).observe(request.took.as_secs_f64());
        if let Some(reason @ (Code::TooManyRequests | Code::Overloaded)) = request.code {
            self.count_refused(reason.as_str());
        }
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *status.outcomes.entry(code.unwrap_or("ok")).or_default() += 1;
        count_http(status.http.entry(request.pattern).or_insert_with(empty_http), request);
    }

    /// Counts a request that was rejected to protect the system.
    pub(crate) fn count_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a call to a pattern as in flight until the guard is dropped.
    pub(crate) fn start_call(&self, pattern: &'static str) -> CallGuard<'_> {
        let gauge = self.calls.get_or_create(&Pattern { pattern }).clone();
        gauge.inc();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        CallGuard { metrics: self, gauge }
    }

    /// Writes all metrics as OpenMetrics text, without the final `# EOF`.
    pub(crate) fn write(&self, text: &mut String) -> fmt::Result {
        encode_registry(text, &self.registry)
    }

    /// The status that the gateway reports on the exchange `control`.
    pub fn stats(&self, info: &ProcessInfo) -> Stats {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let used = usage::now();
        let work = WorkStats {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            outcomes: status.outcomes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            memory_bytes: used.memory_bytes,
            cpu_s: used.cpu_s,
            http: status.http.iter().map(|(pattern, http)| ((*pattern).to_owned(), http.clone())).collect(),
            dropped_spans: amqp::trace::dropped_spans(),
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

fn empty_http() -> HttpStats {
    let duration = Buckets { bounds_s: BOUNDS_S.into(), counts: vec![0; BOUNDS_S.len() + 1], sum_s: 0.0 };
    HttpStats { duration, statuses: BTreeMap::new() }
}

fn count_http(http: &mut HttpStats, request: &CompletedRequest) {
    let seconds = request.took.as_secs_f64();
    let bucket = BOUNDS_S.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS_S.len());
    http.duration.counts[bucket] += 1;
    http.duration.sum_s += seconds;
    let class = format!("{}xx", request.status.as_u16() / 100);
    *http.statuses.entry(class).or_default() += 1;
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts a call as in flight.
pub(crate) struct CallGuard<'m> {
    metrics: &'m RequestMetrics,
    gauge: Gauge,
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
        self.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_labels_with_few_values() {
        let metrics = RequestMetrics::new();
        let completed = |status: u16, code| CompletedRequest {
            method: "POST",
            route: Some("/orders"),
            pattern: "orders.create",
            status: StatusCode::from_u16(status).unwrap(),
            code,
            took: Duration::from_millis(3),
        };
        metrics.count(&completed(201, None));
        metrics.count(&completed(429, Some(Code::TooManyRequests)));
        let call = metrics.start_call("orders.create");
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
        let info = amqp::identify("gateway", contracts::control::ProcessKind::Gateway, None);
        let http = metrics.stats(&info).work.unwrap().http;
        let created = &http["orders.create"];
        assert_eq!((http.len(), created.duration.count(), created.duration.counts[2]), (1, 2, 2), "{http:?}");
        assert_eq!((created.statuses["2xx"], created.statuses["4xx"]), (1, 1));
        assert!((created.duration.sum_s - 0.006).abs() < 1e-9);
        drop(call);
        assert!(text().contains(r#"gateway_requests_in_flight{pattern="orders.create"} 0"#));
    }
}
