//! The router: finds the route of a request, and holds the limits and the metrics of each pattern.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use amqp::WaitingRoom;
use contracts::Code;
use hyper::header::HeaderValue;
use matchit::{InsertError, Params};

use crate::http::problem::HttpError;
use crate::metrics::LatencyHistogram;
use crate::metrics::overload::{OverloadGauges, OverloadMetrics};
use crate::overload::{Admission, Limits, Permit, Refusal};
use crate::routing::route::{Route, Unserved};

/// The router of a route table.
pub(crate) struct Router {
    paths: matchit::Router<PathRoutes>,
    patterns: HashMap<&'static str, PatternState>,
}

/// The routes of a path.
pub(crate) struct PathRoutes {
    rows: Vec<Row>,
    /// The methods that the path supports, for `Allow`.
    pub allow: HeaderValue,
}

/// A route with its run-time state.
pub(crate) struct Row {
    /// The row of the table.
    pub route: &'static Route,
    state: PatternState,
    /// The latency of the calls that complete replies.
    pub inbox: Option<Arc<LatencyHistogram>>,
}

/// The run-time state that the routes of a pattern share.
#[derive(Clone)]
struct PatternState {
    /// Limits the requests in flight, so that a slow pattern does not affect the others.
    admission: Arc<Admission>,
    waiting: Arc<WaitingRoom>,
    latency: Arc<LatencyHistogram>,
}

/// The limits of each pattern.
pub(crate) struct PatternLimits {
    /// Requests in flight, while replies come in time.
    pub in_flight: usize,
    /// How long a reply may take to be in time.
    pub late: Duration,
    /// Requests that wait for a worker.
    pub waiting: u32,
    /// How long each of them waits.
    pub wait: Duration,
}

impl Router {
    /// Builds the router. Fails if two routes conflict, which a test detects.
    pub(crate) fn new(
        table: &'static [Route],
        limits: &PatternLimits,
        metrics: &OverloadMetrics,
    ) -> Result<Self, InsertError> {
        let mut patterns: HashMap<&'static str, PatternState> = HashMap::new();
        let mut by_path: Vec<(&str, Vec<Row>)> = Vec::new();
        for route in table {
            let mut state_of = |pattern: &'static str| {
                let gauges = if pattern.is_empty() { OverloadGauges::default() } else { metrics.of(pattern) };
                let new = || PatternState {
                    admission: Arc::new(Admission::new(pattern, limits.in_flight, limits.late, gauges)),
                    waiting: Arc::new(WaitingRoom::new(limits.wait, limits.waiting)),
                    latency: Arc::new(LatencyHistogram::new()),
                };
                patterns.entry(pattern).or_insert_with(new).clone()
            };
            // The built-in endpoints share one state.
            let state = state_of(route.pattern().unwrap_or_default());
            let inbox = route.inbox.map(|pattern| state_of(pattern).latency);
            let row = Row { route, state, inbox };
            match by_path.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, rows)) => rows.push(row),
                None => by_path.push((route.path, vec![row])),
            }
        }
        let mut paths = matchit::Router::new();
        for (path, rows) in by_path {
            paths.insert(path, PathRoutes { allow: allow(&rows), rows })?;
        }
        Ok(Self { paths, patterns })
    }

    /// The latency of a pattern, if a route calls it.
    pub(crate) fn latency(&self, pattern: &str) -> Option<&LatencyHistogram> {
        self.patterns.get(pattern).map(|state| &*state.latency)
    }

    /// The current limits of a pattern, if a route calls it.
    pub(crate) fn limits(&self, pattern: &str) -> Option<Limits> {
        self.patterns.get(pattern).map(|state| state.admission.limits())
    }

    /// The routes of a path, and the values of its parameters.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Result<(&PathRoutes, Params<'_, 'p>), HttpError> {
        match self.paths.at(path) {
            Ok(found) => Ok((found.value, found.params)),
            Err(_) => Err(HttpError::new(Code::RouteNotFound, "There is nothing at this path.")),
        }
    }
}

impl PathRoutes {
    /// The route of a method. `HEAD` is served like `GET`; hyper omits the body.
    pub(crate) fn row(&self, method: &str) -> Result<&Row, HttpError> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.rows.iter().find(|row| row.route.method == method).ok_or_else(|| HttpError::method(self.allow.clone()))
    }
}

impl Row {
    /// A permit for a request in flight.
    pub(crate) fn admit(&self) -> Result<Permit<'_>, Refusal> {
        self.state.admission.admit()
    }

    /// Where a request of this route waits if no worker serves its pattern.
    pub(crate) fn waiting_room(&self) -> Option<&WaitingRoom> {
        (self.route.unserved == Unserved::Waits).then_some(&*self.state.waiting)
    }

    /// Records the latency of a request.
    pub(crate) fn record(&self, took: Duration) {
        self.state.latency.count(took);
    }
}

fn allow(rows: &[Row]) -> HeaderValue {
    let mut methods = String::new();
    for row in rows {
        methods.push_str(row.route.method);
        methods.push_str(if row.route.method == "GET" { ", HEAD, " } else { ", " });
    }
    methods.push_str("OPTIONS");
    HeaderValue::from_str(&methods).expect("the names of methods are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::table::TABLE;

    const LIMITS: PatternLimits =
        PatternLimits { in_flight: 1, late: Duration::from_secs(1), waiting: 1, wait: Duration::ZERO };

    fn router() -> Router {
        Router::new(&TABLE, &LIMITS, &OverloadMetrics::default()).unwrap()
    }

    #[test]
    fn no_two_routes_have_the_same_path_and_method() {
        router();
        for (n, route) in TABLE.iter().enumerate() {
            let duplicate = TABLE[..n].iter().find(|other| (other.method, other.path) == (route.method, route.path));
            assert!(duplicate.is_none(), "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn a_route_with_path_parameters_reads_no_body() {
        for route in &TABLE {
            assert!(route.source == crate::routing::route::Source::Url || !route.path.contains('{'), "{}", route.path);
        }
    }

    #[test]
    fn a_route_is_found_by_path_and_method() {
        let router = router();
        let (rows, params) = router.find("/orders/7").unwrap();
        assert_eq!(rows.row("GET").unwrap().route.pattern(), Some("orders.get"));
        assert_eq!(rows.row("HEAD").unwrap().route.pattern(), Some("orders.get"));
        assert_eq!(params.get("id"), Some("7"));
        for path in ["/", "/orders/", "/orders/7/", "/Orders", "orders", "", "*"] {
            assert_eq!(router.find(path).err().unwrap().code(), Code::RouteNotFound, "{path}");
        }
    }

    #[test]
    fn an_unsupported_method_is_answered_with_those_that_are() {
        let router = router();
        let (rows, _) = router.find("/orders").unwrap();
        let error = rows.row("DELETE").err().unwrap();
        assert_eq!((error.code(), rows.allow.as_bytes()), (Code::MethodNotAllowed, &b"POST, GET, HEAD, OPTIONS"[..]));
    }

    #[test]
    fn patterns_do_not_share_permits() {
        let router = router();
        let (orders, _) = router.find("/orders").unwrap();
        let (create, list) = (orders.row("POST").unwrap(), orders.row("GET").unwrap());
        let _permit = create.admit().ok().unwrap();
        assert_eq!(create.admit().err(), Some(Refusal::ConcurrencyLimit));
        assert!(list.admit().is_ok());
    }
}
