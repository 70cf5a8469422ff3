//! Shows the system as it is now: each pattern with its workers, what waits for them, how much passes and how fast.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::topology::dead_queue;
use bus::{Asker, Depth};
use contracts::{LISTENERS, PATTERNS, Subscription};
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::timeout;

use crate::meter::{Meter, Reading};
use crate::router::Router;
use crate::{Body, own};

/// Nobody waits longer than this for the broker to tell of its queues.
const PATIENCE: Duration = Duration::from_secs(1);

/// The live topology, as this gateway knows it.
#[derive(Serialize, JsonSchema)]
pub struct System {
    /// Whether there is a line to the broker.
    broker: bool,
    /// Every request pattern.
    patterns: Vec<PatternState>,
    /// Everybody who hears an event.
    listeners: Vec<ListenerState>,
}

/// A request pattern at this moment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PatternState {
    /// Its name, which is also its queue's.
    pattern: &'static str,
    /// How many processes serve it; `null` while nobody can tell.
    workers: Option<u32>,
    /// How many requests wait in its queue; `null` while nobody can tell.
    waiting: Option<u32>,
    /// Requests that this gateway answered per second, over the last seconds.
    rate_per_second: f64,
    /// How long they took; `null` when there were none.
    latency_ms: Option<Latency>,
}

/// How long requests took from their last byte to their answer, in milliseconds.
#[derive(Serialize, JsonSchema)]
struct Latency {
    /// Half of them took no longer.
    p50: f64,
    /// Of a hundred, ninety-nine took no longer.
    p99: f64,
}

/// A listener at this moment; a number is `null` while nobody can tell.
#[derive(Serialize, JsonSchema)]
struct ListenerState {
    /// Its name, which is also its queue's.
    listener: &'static str,
    /// What it hears.
    event: &'static str,
    /// How many processes listen.
    workers: Option<u32>,
    /// How many events wait in its queue.
    waiting: Option<u32>,
    /// How many events could not be handled, and wait for a person.
    dead: Option<u32>,
}

/// The answer to a request for the live topology.
pub(crate) async fn show(asker: &Asker, router: &Router) -> Response<Body> {
    let patterns = queues(asker).await.into_iter();
    let patterns = patterns.map(|(pattern, queue)| state(pattern, queue, router.meter(pattern))).collect();
    let system = System { broker: asker.is_connected(), patterns, listeners: listeners(asker).await };
    let text = serde_json::to_string(&system).expect("numbers and names always serialise");
    let mut response = own::json(StatusCode::OK, text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn state(pattern: &'static str, queue: Option<Depth>, meter: Option<&Meter>) -> PatternState {
    let Reading { rate, p50_p99 } = meter.map(Meter::read).unwrap_or_default();
    PatternState {
        pattern,
        workers: queue.map(|queue| queue.consumers),
        waiting: queue.map(|queue| queue.waiting),
        rate_per_second: rounded(rate, 10.0),
        latency_ms: p50_p99.map(|(p50, p99)| Latency { p50: millis(p50), p99: millis(p99) }),
    }
}

fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3, 100.0)
}

/// To so many parts of one.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

async fn listeners(asker: &Asker) -> Vec<ListenerState> {
    let names = LISTENERS.iter().flat_map(|listener| [listener.name.to_owned(), dead_queue(listener.name)]);
    let depths = depths(asker, names.collect()).await;
    let depth = |name: &str| depths.get(name).copied().flatten();
    let state = |listener: &Subscription| {
        let (live, dead) = (depth(listener.name), depth(&dead_queue(listener.name)));
        ListenerState {
            listener: listener.name,
            event: listener.event,
            workers: live.map(|queue| queue.consumers),
            waiting: live.map(|queue| queue.waiting),
            dead: dead.map(|queue| queue.waiting),
        }
    };
    LISTENERS.iter().map(state).collect()
}

/// The queue of each pattern; `None` where nobody can tell in time.
pub(crate) async fn queues(asker: &Asker) -> BTreeMap<&'static str, Option<Depth>> {
    depths(asker, PATTERNS.to_vec()).await
}

async fn depths<N: AsRef<str> + Ord>(asker: &Asker, names: Vec<N>) -> BTreeMap<N, Option<Depth>> {
    let mut depths: BTreeMap<N, Option<Depth>> = names.into_iter().map(|name| (name, None)).collect();
    let counting = async {
        for (name, depth) in &mut depths {
            *depth = asker.queue(name.as_ref()).await.ok();
        }
    };
    // Out of time, what is not counted stays unknown.
    let _ = timeout(PATIENCE, counting).await;
    depths
}
