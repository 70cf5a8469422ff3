//! Finds the row of the table that serves a request, or says why there is none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use amqp::WaitingRoom;
use contracts::Code;
use hyper::header::HeaderValue;
use matchit::{InsertError, Params};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::http::problem::HttpError;
use crate::metrics::LatencyHistogram;
use crate::routing::route::{Route, Unserved};

/// The table, ready for look-ups.
pub(crate) struct Router {
    paths: matchit::Router<Place>,
    lanes: HashMap<&'static str, Lane>,
}

/// One path with the rows that serve it.
pub(crate) struct Place {
    rows: Vec<Row>,
    /// The methods it knows, as they stand in `Allow`.
    pub allow: HeaderValue,
}

/// A row of the table with what it needs at run time.
pub(crate) struct Row {
    /// What the table says.
    pub route: &'static Route,
    lane: Lane,
    /// Counts what is asked to complete replies.
    pub inbox: Option<Arc<LatencyHistogram>>,
}

/// What the rows of one pattern share.
#[derive(Clone)]
struct Lane {
    /// Bounds the requests in flight, so that a slow pattern does not use up what the others need.
    room: Arc<Semaphore>,
    waiting: Arc<WaitingRoom>,
    meter: Arc<LatencyHistogram>,
}

/// What the lanes of all patterns are bounded by.
pub(crate) struct LaneBounds {
    /// Requests in flight.
    pub in_flight: usize,
    /// Requests that wait for a worker while there is none.
    pub waiting: u32,
    /// How long each of them waits.
    pub wait: Duration,
}

impl Router {
    /// Lays the table out. Fails when two rows contradict each other, which a test finds long before.
    pub(crate) fn new(table: &'static [Route], bounds: &LaneBounds) -> Result<Self, InsertError> {
        let mut lanes: HashMap<&'static str, Lane> = HashMap::new();
        let mut places: Vec<(&str, Vec<Row>)> = Vec::new();
        for route in table {
            let mut lane_of = |pattern| {
                let new = || Lane {
                    room: Arc::new(Semaphore::new(bounds.in_flight)),
                    waiting: Arc::new(WaitingRoom::new(bounds.wait, bounds.waiting)),
                    meter: Arc::new(LatencyHistogram::new()),
                };
                lanes.entry(pattern).or_insert_with(new).clone()
            };
            // What the gateway answers itself shares one lane.
            let lane = lane_of(route.pattern().unwrap_or_default());
            let inbox = route.inbox.map(|pattern| lane_of(pattern).meter);
            let row = Row { route, lane, inbox };
            match places.iter_mut().find(|(path, _)| *path == route.path) {
                Some((_, rows)) => rows.push(row),
                None => places.push((route.path, vec![row])),
            }
        }
        let mut paths = matchit::Router::new();
        for (path, rows) in places {
            paths.insert(path, Place { allow: allow(&rows), rows })?;
        }
        Ok(Self { paths, lanes })
    }

    /// What passes through a pattern, if a row asks it.
    pub(crate) fn meter(&self, pattern: &str) -> Option<&LatencyHistogram> {
        self.lanes.get(pattern).map(|lane| &*lane.meter)
    }

    /// The path's place and the values of its parameters.
    pub(crate) fn place<'p>(&self, path: &'p str) -> Result<(&Place, Params<'_, 'p>), HttpError> {
        match self.paths.at(path) {
            Ok(found) => Ok((found.value, found.params)),
            Err(_) => Err(HttpError::new(Code::RouteNotFound, "There is nothing at this path.")),
        }
    }
}

impl Place {
    /// The row that serves a method. `HEAD` is served like `GET`; hyper leaves the body out.
    pub(crate) fn row(&self, method: &str) -> Result<&Row, HttpError> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.rows.iter().find(|row| row.route.method == method).ok_or_else(|| HttpError::method(self.allow.clone()))
    }
}

impl Row {
    /// Takes one of the pattern's places in flight; it is given back on drop.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>, HttpError> {
        self.lane.room.try_acquire().map_err(|_| {
            HttpError::new(Code::Overloaded, "Too many requests of this kind are in flight. Nothing was done.")
        })
    }

    /// Where a request of this row waits while nobody serves its pattern.
    pub(crate) fn waiting_room(&self) -> Option<&WaitingRoom> {
        (self.route.unserved == Unserved::Waits).then_some(&*self.lane.waiting)
    }

    /// Counts a request of the pattern that took this long.
    pub(crate) fn count(&self, took: Duration) {
        self.lane.meter.count(took);
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

    const BOUNDS: LaneBounds = LaneBounds { in_flight: 1, waiting: 1, wait: Duration::ZERO };

    #[test]
    fn no_two_rows_serve_the_same_path_and_method() {
        Router::new(&TABLE, &BOUNDS).unwrap();
        for (n, route) in TABLE.iter().enumerate() {
            let twin = TABLE[..n].iter().find(|other| (other.method, other.path) == (route.method, route.path));
            assert!(twin.is_none(), "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn a_body_is_not_read_where_the_path_holds_the_input() {
        for route in &TABLE {
            assert!(
                route.source == crate::routing::route::Source::Address || !route.path.contains('{'),
                "{}",
                route.path
            );
        }
    }

    #[test]
    fn a_row_is_found_by_path_and_method() {
        let router = Router::new(&TABLE, &BOUNDS).unwrap();
        let (place, params) = router.place("/orders/7").unwrap();
        assert_eq!(place.row("GET").unwrap().route.pattern(), Some("orders.get"));
        assert_eq!(place.row("HEAD").unwrap().route.pattern(), Some("orders.get"));
        assert_eq!(params.get("id"), Some("7"));
        for path in ["/", "/orders/", "/orders/7/", "/Orders", "orders", "", "*"] {
            assert_eq!(router.place(path).err().unwrap().code(), Code::RouteNotFound, "{path}");
        }
    }

    #[test]
    fn the_methods_of_a_path_are_named_when_another_is_asked_for() {
        let router = Router::new(&TABLE, &BOUNDS).unwrap();
        let (place, _) = router.place("/orders").unwrap();
        let refusal = place.row("DELETE").err().unwrap();
        assert_eq!(
            (refusal.code(), place.allow.as_bytes()),
            (Code::MethodNotAllowed, &b"POST, GET, HEAD, OPTIONS"[..])
        );
    }

    #[test]
    fn patterns_do_not_take_each_others_places() {
        let router = Router::new(&TABLE, &BOUNDS).unwrap();
        let (orders, _) = router.place("/orders").unwrap();
        let (create, list) = (orders.row("POST").unwrap(), orders.row("GET").unwrap());
        let _held = create.enter().unwrap();
        assert_eq!(create.enter().err().unwrap().code(), Code::Overloaded);
        assert!(list.enter().is_ok());
    }
}
