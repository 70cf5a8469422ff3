//! `GET /system`: the current state of patterns, listeners, relays and databases, with queue depths, rates and latencies.

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

/// The longest wait for the broker and the processes.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The current state of the system. A value that is unknown at the moment is `null`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", schemars(rename = "SystemState"))] // a generated `System` would hide Java's own
pub struct System {
    /// The time of this state.
    as_of: Timestamp,
    /// Whether the gateway is connected to the broker.
    broker: bool,
    /// The period that rates and latencies cover, in seconds.
    window_s: u64,
    /// Every request pattern.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    patterns: Vec<PatternState>,
    /// Every listener.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    listeners: Vec<ListenerState>,
    /// Every service's relay, which publishes what the service has recorded.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    relays: Vec<RelayState>,
    /// Every service's database.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    databases: Vec<DatabaseState>,
}

/// The state of a request pattern.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct PatternState {
    /// Its name, which is also its queue's.
    pattern: &'static str,
    /// The number of its workers; `null` if unknown.
    workers: Option<u32>,
    /// The number of requests in its queue; `null` if unknown.
    waiting: Option<u32>,
    /// The most requests that this gateway has in flight at the moment; it is lowered while replies are late.
    in_flight_limit: usize,
    /// Whether this gateway's circuit breaker is open: the workers have stopped replying, and requests are refused at once.
    circuit_open: bool,
    /// Requests per second that this gateway answered recently.
    rate_per_second: f64,
    /// The latency of these requests; `null` if there were none.
    latency_ms: Option<Latency>,
    /// The last five minutes in slots of ten seconds, the oldest first; only complete slots since this gateway started.
    #[cfg_attr(feature = "schema", schemars(length(max = 30)))]
    history: Vec<Moment>,
}

/// How long requests took from their last byte to their answer, in milliseconds.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Latency {
    /// The median.
    p50: f64,
    /// The 99th percentile.
    p99: f64,
}

/// The requests of ten seconds.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Moment {
    /// The start of the slot.
    at: Timestamp,
    /// Requests per second that this gateway answered.
    rate_per_second: f64,
    /// The median of their durations, in milliseconds; `null` if there were none.
    p50: Option<f64>,
    /// The 99th percentile of their durations, in milliseconds; `null` if there were none.
    p99: Option<f64>,
}

/// The state of a listener; a number is `null` if unknown.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ListenerState {
    /// Its name, which is also its queue's.
    listener: &'static str,
    /// The event that it subscribes to.
    event: &'static str,
    /// The number of its processes.
    workers: Option<u32>,
    /// The number of events in its queue.
    waiting: Option<u32>,
    /// The number of failed events that wait for a retry.
    retrying: Option<u32>,
    /// The number of dead-lettered events, which wait for an operator.
    dead: Option<u32>,
}

/// The state of a service's relay; a number is `null` if unknown.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct RelayState {
    /// Its name.
    relay: &'static str,
    /// The number of its processes that respond: one is the leader, the others are on standby.
    workers: Option<usize>,
    /// The number of processes on standby. If all are, no events are published.
    standby: Option<usize>,
    /// The number of events that are recorded and not yet published; counted up to 100 000.
    unpublished: Option<u64>,
    /// How long the oldest of them has waited, in seconds; `null` also if there is none.
    oldest_unpublished_s: Option<f64>,
}

/// The state of a service's database.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct DatabaseState {
    /// The service's name.
    database: &'static str,
    /// Whether the service's relay can reach it; `null` if no relay responds.
    reachable: Option<bool>,
}

/// The response of `GET /system`.
pub(crate) async fn respond(rpc: &RpcClient, router: &Router, retry_delays_ms: &[u32]) -> Response<Body> {
    let (patterns, listeners, answers) = tokio::join!(queues(rpc), listeners(rpc, retry_delays_ms), relays(rpc));
    let state = |(pattern, queue)| state(pattern, queue, router);
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

fn state(pattern: &'static str, queue: Option<Depth>, router: &Router) -> PatternState {
    let (latency, limits) = (router.latency(pattern), router.limits(pattern).unwrap_or_default());
    let Reading { rate, p50_p99 } = latency.map(LatencyHistogram::read).unwrap_or_default();
    PatternState {
        pattern,
        workers: queue.map(|queue| queue.consumers),
        waiting: queue.map(|queue| queue.waiting),
        in_flight_limit: limits.in_flight,
        circuit_open: limits.circuit_open,
        rate_per_second: rounded(rate, 10.0),
        latency_ms: p50_p99.map(|(p50, p99)| Latency { p50: millis(p50), p99: millis(p99) }),
        history: latency.map(LatencyHistogram::history).unwrap_or_default().into_iter().filter_map(moment).collect(),
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

/// The status of the processes; `None` if it could not be requested.
async fn relays(rpc: &RpcClient) -> Option<Arc<SystemStatus>> {
    timeout(TIMEOUT, rpc.stats()).await.ok()?.ok()
}

fn relay(relay: &'static str, answers: Option<&SystemStatus>) -> RelayState {
    let unknown = RelayState { relay, workers: None, standby: None, unpublished: None, oldest_unpublished_s: None };
    let stats = match answers.map(|answers| answers.of(relay)) {
        Some(ProcessStatus::Absent) => return RelayState { workers: Some(0), standby: Some(0), ..unknown },
        // A relay that does not respond.
        Some(ProcessStatus::Answered(stats)) if !stats.is_empty() => stats,
        _ => return unknown,
    };
    let outboxes: Vec<OutboxStats> = stats.iter().filter_map(|stats| stats.outbox).collect();
    // Any of them has counted; the leader's count is the most recent.
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

/// Rounds to a fraction of one.
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
        // A missing queue means that the listener has other retry delays than this gateway.
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

/// The depth of each pattern's queue; `None` if it is not known in time.
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
    // After a timeout the remaining depths are unknown.
    let _ = timeout(TIMEOUT, counting).await;
    depths
}
