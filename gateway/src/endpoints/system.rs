//! Shows the system as it is now: patterns, listeners, relays and databases, what waits, how much passes and how fast.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amqp::topology::{dead_queue, retry_queue};
use amqp::{Depth, ProcessStatus, RpcClient, SystemStatus};
use contracts::control::{OutboxStats, RELAYS};
use contracts::{LISTENERS, PATTERNS, SubscriptionInfo, Timestamp, naming};
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::time::timeout;

use crate::http::response_body::{Body, json};
use crate::metrics::history::{SLOT, Slot};
use crate::metrics::{LatencyHistogram, Reading, WINDOW};
use crate::routing::router::Router;

/// Nobody waits longer than this for the broker to tell of its queues.
const PATIENCE: Duration = Duration::from_secs(1);

/// The live topology, as this gateway knows it. What cannot be known at this moment is `null`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(rename = "SystemState"))] // a generated `System` would hide Java's own
pub struct System {
    /// When this was so.
    as_of: Timestamp,
    /// Whether there is a line to the broker.
    broker: bool,
    /// Over how many seconds rates and latencies are taken.
    window_s: u64,
    /// Every request pattern.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    patterns: Vec<PatternState>,
    /// Everybody who hears an event.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    listeners: Vec<ListenerState>,
    /// Every service's relay, which publishes what the service has recorded.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    relays: Vec<RelayState>,
    /// Every service's database.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    databases: Vec<DatabaseState>,
}

/// A request pattern at this moment.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// What passed in the last five minutes, in slots of ten seconds, the oldest first; only what this gateway has seen
    /// the whole of.
    #[cfg_attr(feature = "schema", schemars(length(max = 30)))]
    history: Vec<Moment>,
}

/// How long requests took from their last byte to their answer, in milliseconds.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Latency {
    /// Half of them took no longer.
    p50: f64,
    /// Of a hundred, ninety-nine took no longer.
    p99: f64,
}

/// What passed in ten seconds.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Moment {
    /// When they began.
    at: Timestamp,
    /// Requests that this gateway answered per second.
    rate_per_second: f64,
    /// Half of them took no longer, in milliseconds; `null` when there were none.
    p50: Option<f64>,
    /// Of a hundred, ninety-nine took no longer.
    p99: Option<f64>,
}

/// A listener at this moment; a number is `null` while nobody can tell.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListenerState {
    /// Its name, which is also its queue's.
    listener: &'static str,
    /// What it hears.
    event: &'static str,
    /// How many processes listen.
    workers: Option<u32>,
    /// How many events wait in its queue.
    waiting: Option<u32>,
    /// How many events failed, and wait to be tried again.
    retrying: Option<u32>,
    /// How many events could not be handled, and wait for a person.
    dead: Option<u32>,
}

/// A service's relay at this moment; a number is `null` while nobody can tell.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct RelayState {
    /// Its name.
    relay: &'static str,
    /// How many of its processes answer: one publishes, the others stand by.
    workers: Option<usize>,
    /// How many of these stand by. When all do, nobody publishes.
    standby: Option<usize>,
    /// How many events are recorded and not published yet; counted up to 100 000.
    unpublished: Option<u64>,
    /// For how long the oldest of them has waited, in seconds; `null` also when there is none.
    oldest_unpublished_s: Option<f64>,
}

/// A service's database at this moment.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct DatabaseState {
    /// The service's name.
    database: &'static str,
    /// Whether it answers the service's relay; `null` while no relay tells.
    reachable: Option<bool>,
}

/// The answer to a request for the live topology.
pub(crate) async fn show(rpc: &RpcClient, router: &Router, retry_delays_ms: &[u32]) -> Response<Body> {
    let (patterns, listeners, answers) = tokio::join!(queues(rpc), listeners(rpc, retry_delays_ms), relays(rpc));
    let state = |(pattern, queue)| state(pattern, queue, router.meter(pattern));
    let system = System {
        as_of: Timestamp(jiff::Timestamp::now()),
        broker: rpc.is_connected(),
        window_s: WINDOW,
        patterns: patterns.into_iter().map(state).collect(),
        listeners,
        relays: RELAYS.into_iter().map(|name| relay(name, answers.as_deref())).collect(),
        databases: RELAYS.into_iter().map(|name| database(name, answers.as_deref())).collect(),
    };
    let text = serde_json::to_string(&system).expect("numbers and names always serialise");
    let mut response = json(StatusCode::OK, text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn state(pattern: &'static str, queue: Option<Depth>, meter: Option<&LatencyHistogram>) -> PatternState {
    let Reading { rate, p50_p99 } = meter.map(LatencyHistogram::read).unwrap_or_default();
    PatternState {
        pattern,
        workers: queue.map(|queue| queue.consumers),
        waiting: queue.map(|queue| queue.waiting),
        rate_per_second: rounded(rate, 10.0),
        latency_ms: p50_p99.map(|(p50, p99)| Latency { p50: millis(p50), p99: millis(p99) }),
        history: meter.map(LatencyHistogram::history).unwrap_or_default().into_iter().filter_map(moment).collect(),
    }
}

fn moment(slot: Slot) -> Option<Moment> {
    let at = i64::try_from(slot.number * SLOT).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
    let rate = slot.count as f64 / SLOT as f64;
    Some(Moment {
        at: Timestamp(jiff::Timestamp::from_second(at).ok()?),
        rate_per_second: rounded(rate, 10.0),
        p50: slot.p50_p99.map(|(p50, _)| millis(p50)),
        p99: slot.p50_p99.map(|(_, p99)| millis(p99)),
    })
}

/// What the relays tell of themselves; `None` when nobody could be asked.
async fn relays(rpc: &RpcClient) -> Option<Arc<SystemStatus>> {
    timeout(PATIENCE, rpc.stats()).await.ok()?.ok()
}

fn relay(relay: &'static str, answers: Option<&SystemStatus>) -> RelayState {
    let unknown = RelayState { relay, workers: None, standby: None, unpublished: None, oldest_unpublished_s: None };
    let stats = match answers.map(|answers| answers.of(relay)) {
        Some(ProcessStatus::Absent) => return RelayState { workers: Some(0), standby: Some(0), ..unknown },
        // There is somebody, who does not answer.
        Some(ProcessStatus::Answered(stats)) if !stats.is_empty() => stats,
        _ => return unknown,
    };
    let outboxes: Vec<OutboxStats> = stats.iter().filter_map(|stats| stats.outbox).collect();
    // Any of them has counted; who publishes knows best.
    let best = outboxes.iter().max_by_key(|outbox| (outbox.unpublished.is_some(), outbox.leader));
    RelayState {
        workers: Some(outboxes.len()),
        standby: Some(outboxes.iter().filter(|outbox| !outbox.leader).count()),
        unpublished: best.and_then(|outbox| outbox.unpublished),
        oldest_unpublished_s: best.and_then(|outbox| outbox.oldest_unpublished_s).map(|age| rounded(age, 10.0)),
        ..unknown
    }
}

fn database(relay: &'static str, answers: Option<&SystemStatus>) -> DatabaseState {
    let database = naming::service(relay);
    let answers = match answers.map(|answers| answers.of(relay)) {
        Some(ProcessStatus::Answered(stats)) => stats.iter().filter_map(|stats| stats.database).collect(),
        _ => Vec::new(),
    };
    DatabaseState { database, reachable: (!answers.is_empty()).then(|| answers.contains(&true)) }
}

fn millis(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3, 100.0)
}

/// To so many parts of one.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

async fn listeners(rpc: &RpcClient, delays_ms: &[u32]) -> Vec<ListenerState> {
    let retry_queues =
        |name: &str| -> Vec<String> { delays_ms.iter().map(|delay| retry_queue(name, *delay)).collect() };
    let names = LISTENERS.iter().flat_map(|listener| {
        [listener.name.to_owned(), dead_queue(listener.name)].into_iter().chain(retry_queues(listener.name))
    });
    let depths = depths(rpc, names.collect()).await;
    let depth = |name: &str| depths.get(name).copied().flatten();
    let state = |listener: &SubscriptionInfo| {
        let (live, dead) = (depth(listener.name), depth(&dead_queue(listener.name)));
        // A queue that does not exist says that the listener has other delays than we know of.
        let retrying = retry_queues(listener.name);
        let retrying = retrying.iter().map(|name| depth(name).filter(|queue| queue.exists).map(|queue| queue.waiting));
        ListenerState {
            listener: listener.name,
            event: listener.event,
            workers: live.map(|queue| queue.consumers),
            waiting: live.map(|queue| queue.waiting),
            retrying: retrying.sum(),
            dead: dead.map(|queue| queue.waiting),
        }
    };
    LISTENERS.iter().map(state).collect()
}

/// The queue of each pattern; `None` where nobody can tell in time.
pub(crate) async fn queues(rpc: &RpcClient) -> BTreeMap<&'static str, Option<Depth>> {
    depths(rpc, PATTERNS.to_vec()).await
}

pub(crate) async fn depths<N: AsRef<str> + Ord>(rpc: &RpcClient, names: Vec<N>) -> BTreeMap<N, Option<Depth>> {
    let mut depths: BTreeMap<N, Option<Depth>> = names.into_iter().map(|name| (name, None)).collect();
    let counting = async {
        for (name, depth) in &mut depths {
            *depth = rpc.queue(name.as_ref()).await.ok();
        }
    };
    // Out of time, what is not counted stays unknown.
    let _ = timeout(PATIENCE, counting).await;
    depths
}
