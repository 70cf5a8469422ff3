//! What `signalbox top` shows: rows of patterns, listeners, relays and gateways, from the snapshots of the last seconds. The
//! field names are those of `--json`: later releases only add to them.

use std::collections::BTreeMap;

use amqp::topology::{dead_queue, retry_queue};
use contracts::control::{GATEWAY, PauseReason, RELAYS, Stats};
use contracts::{Code, LISTENERS, PATTERNS, SubscriptionInfo, Timestamp, process_names};
use serde::Serialize;
use uuid::Uuid;

use crate::top::flow::{Durations, Flow, HttpFlow};
use crate::top::history::{History, Snapshot};

/// Server errors; other codes are valid answers to the caller.
const FAILURES: [Code; 7] = [
    Code::Internal,
    Code::BadReply,
    Code::OutcomeUnknown,
    Code::ServiceUnavailable,
    Code::DatabaseUnavailable,
    Code::DatabaseBusy,
    Code::Overloaded,
];
/// The outcome of a request whose deadline passed before a worker took it.
const EXPIRED: &str = "expired";

/// The current state of the system.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct View {
    as_of: Timestamp,
    /// The seconds that rates and quantiles cover.
    window_s: f64,
    pub(super) gateway: GatewayRow,
    pub(super) patterns: Vec<PatternRow>,
    pub(super) listeners: Vec<ListenerRow>,
    pub(super) relays: Vec<RelayRow>,
}

/// The processes of one name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Processes {
    /// The number that answers.
    pub(super) copies: usize,
    /// The number that is connected and does not answer.
    pub(super) unresponsive: u32,
    /// The number of messages in progress.
    pub(super) in_flight: u32,
    pub(super) instances: Vec<Instance>,
}

/// One process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Instance {
    #[serde(rename = "instance")]
    pub(super) id: Uuid,
    pub(super) host: Option<String>,
    pub(super) pid: Option<u32>,
    pub(super) version: Option<String>,
    pub(super) uptime_s: Option<i64>,
    pub(super) in_flight: u32,
    pub(super) memory_bytes: Option<u64>,
    pub(super) rate_per_second: f64,
    /// Why it does not consume its queue; `null` if it does, or has none.
    pub(super) paused_because: Option<PauseReason>,
}

/// The median and the 99th percentile, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PatternRow {
    pub(super) pattern: &'static str,
    pub(super) rate_per_second: f64,
    pub(super) handling_ms: Option<Quantiles>,
    pub(super) queue_wait_ms: Option<Quantiles>,
    /// `null` if the queue does not exist.
    pub(super) waiting: Option<u32>,
    pub(super) errors_per_second: f64,
    #[serde(flatten)]
    pub(super) processes: Processes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListenerRow {
    pub(super) listener: &'static str,
    event: &'static str,
    pub(super) applied_per_second: f64,
    pub(super) handling_ms: Option<Quantiles>,
    pub(super) waiting: Option<u32>,
    /// `null` if the retry queues do not exist, such as when the listener has other retry delays.
    pub(super) retrying: Option<u32>,
    pub(super) dead: Option<u32>,
    #[serde(flatten)]
    pub(super) processes: Processes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RelayRow {
    pub(super) relay: &'static str,
    /// Whether one of them leads.
    pub(super) leader: bool,
    pub(super) standby: usize,
    pub(super) published_per_second: f64,
    pub(super) unpublished: Option<u64>,
    pub(super) oldest_unpublished_s: Option<f64>,
    #[serde(flatten)]
    pub(super) processes: Processes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayRow {
    #[serde(flatten)]
    pub(super) all: HttpRow,
    /// By the pattern that the route calls.
    pub(super) routes: BTreeMap<String, HttpRow>,
    #[serde(flatten)]
    pub(super) processes: Processes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpRow {
    pub(super) rate_per_second: f64,
    pub(super) duration_ms: Option<Quantiles>,
    /// Responses per second by class: `2xx`.
    pub(super) statuses: BTreeMap<String, f64>,
}

/// The queues whose depths are shown.
pub(super) fn queues(delays_ms: &[u32]) -> Vec<String> {
    let listeners = LISTENERS.iter().flat_map(|listener| {
        let retries = delays_ms.iter().map(|delay| retry_queue(listener.name, *delay));
        [listener.name.to_owned(), dead_queue(listener.name)].into_iter().chain(retries)
    });
    PATTERNS.into_iter().map(str::to_owned).chain(listeners).collect()
}

impl View {
    /// `None` before the first snapshot.
    pub(super) fn of(history: &History, delays_ms: &[u32]) -> Option<Self> {
        let now = history.latest()?;
        let groups: BTreeMap<&str, Group<'_>> =
            process_names().into_iter().map(|name| (name, Group::of(name, history, now))).collect();
        let group = |name: &str| &groups[name];
        Some(Self {
            as_of: now.as_of,
            window_s: rounded(history.window_s()),
            gateway: group(GATEWAY).gateway(),
            patterns: PATTERNS.into_iter().map(|name| group(name).pattern(name, now)).collect(),
            listeners: LISTENERS.iter().map(|it| group(it.name).listener(it, now, delays_ms)).collect(),
            relays: RELAYS.into_iter().map(|name| group(name).relay(name)).collect(),
        })
    }

    /// The time of the snapshot, in UTC.
    pub(super) fn time(&self) -> String {
        self.as_of.0.strftime("%H:%M:%S").to_string()
    }

    /// The processes of every name.
    pub(super) fn processes(&self) -> impl Iterator<Item = (&str, &Processes)> {
        let patterns = self.patterns.iter().map(|row| (row.pattern, &row.processes));
        let listeners = self.listeners.iter().map(|row| (row.listener, &row.processes));
        let relays = self.relays.iter().map(|row| (row.relay, &row.processes));
        [(GATEWAY, &self.gateway.processes)].into_iter().chain(patterns).chain(listeners).chain(relays)
    }
}

/// The processes of one name that answer, and their rates.
struct Group<'s> {
    stats: Vec<&'s Stats>,
    flows: Vec<Flow>,
    all: Flow,
    unresponsive: u32,
    as_of: Timestamp,
}

impl<'s> Group<'s> {
    fn of(name: &str, history: &History, now: &'s Snapshot) -> Self {
        let stats: Vec<&Stats> = now.stats.iter().filter(|stats| stats.name == name).collect();
        let flows: Vec<Flow> = stats.iter().map(|stats| history.flow(stats)).collect();
        let mut all = Flow::default();
        for flow in &flows {
            all.add(flow);
        }
        let unresponsive = now.unresponsive.get(name).copied().unwrap_or_default();
        Self { stats, flows, all, unresponsive, as_of: now.as_of }
    }

    fn processes(&self) -> Processes {
        let instances = self.stats.iter().zip(&self.flows).map(|(stats, flow)| instance(stats, flow, self.as_of));
        let mut instances: Vec<Instance> = instances.collect();
        // The oldest first: ids start with the time.
        instances.sort_by_key(|instance| instance.id);
        Processes {
            copies: instances.len(),
            unresponsive: self.unresponsive,
            in_flight: instances.iter().map(|instance| instance.in_flight).sum(),
            instances,
        }
    }

    fn pattern(&self, pattern: &'static str, now: &Snapshot) -> PatternRow {
        PatternRow {
            pattern,
            rate_per_second: rounded(self.all.rate(|_| true)),
            handling_ms: quantiles(&self.all.handling),
            queue_wait_ms: quantiles(&self.all.queue_wait),
            waiting: waiting(now, pattern),
            errors_per_second: rounded(self.all.rate(is_failure)),
            processes: self.processes(),
        }
    }

    fn listener(&self, listener: &SubscriptionInfo, now: &Snapshot, delays_ms: &[u32]) -> ListenerRow {
        ListenerRow {
            listener: listener.name,
            event: listener.event,
            applied_per_second: rounded(self.all.rate(|outcome| outcome == "applied")),
            handling_ms: quantiles(&self.all.handling),
            waiting: waiting(now, listener.name),
            retrying: delays_ms.iter().map(|delay| waiting(now, &retry_queue(listener.name, *delay))).sum(),
            dead: waiting(now, &dead_queue(listener.name)),
            processes: self.processes(),
        }
    }

    fn relay(&self, relay: &'static str) -> RelayRow {
        let outboxes: Vec<_> = self.stats.iter().filter_map(|stats| stats.outbox).collect();
        let leaders = outboxes.iter().filter(|outbox| outbox.leader).count();
        // All of them count the same table, unless they cannot reach it.
        let counted = outboxes.iter().find(|outbox| outbox.unpublished.is_some());
        RelayRow {
            relay,
            leader: leaders > 0,
            standby: outboxes.len() - leaders,
            published_per_second: rounded(self.all.rate(|outcome| outcome == "published")),
            unpublished: counted.and_then(|outbox| outbox.unpublished),
            oldest_unpublished_s: counted.and_then(|outbox| outbox.oldest_unpublished_s).map(rounded),
            processes: self.processes(),
        }
    }

    fn gateway(&self) -> GatewayRow {
        let mut all = HttpFlow::default();
        for http in self.all.http.values() {
            all.add(http);
        }
        let routes = self.all.http.iter().map(|(pattern, http)| (pattern.clone(), http_row(http)));
        GatewayRow { all: http_row(&all), routes: routes.collect(), processes: self.processes() }
    }
}

fn instance(stats: &Stats, flow: &Flow, as_of: Timestamp) -> Instance {
    let (info, work) = (stats.process.as_ref(), stats.work.as_ref());
    Instance {
        id: stats.instance,
        host: info.map(|info| info.host.clone()),
        pid: info.map(|info| info.pid),
        version: info.map(|info| info.version.clone()),
        // The clocks of two machines may differ.
        uptime_s: info.map(|info| (as_of.0.as_second() - info.started_at.0.as_second()).max(0)),
        in_flight: work.map(|work| work.in_flight).unwrap_or_default(),
        memory_bytes: work.and_then(|work| work.memory_bytes),
        rate_per_second: rounded(flow.rate(|_| true)),
        paused_because: work.and_then(|work| work.paused_because),
    }
}

fn http_row(http: &HttpFlow) -> HttpRow {
    HttpRow {
        rate_per_second: rounded(http.rate()),
        duration_ms: quantiles(&http.duration),
        statuses: http.statuses.iter().map(|(class, rate)| (class.clone(), rounded(*rate))).collect(),
    }
}

fn quantiles(durations: &Durations) -> Option<Quantiles> {
    let quantile = |part| durations.quantile_ms(part).map(rounded);
    quantile(0.5).zip(quantile(0.99)).map(|(p50, p99)| Quantiles { p50, p99 })
}

fn waiting(now: &Snapshot, queue: &str) -> Option<u32> {
    now.depths.get(queue).map(|depth| depth.waiting)
}

fn is_failure(outcome: &str) -> bool {
    outcome == EXPIRED || FAILURES.iter().any(|code| code.as_str() == outcome)
}

/// With two decimals. Adding zero turns -0.0, the sum of no numbers, into 0.0.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0 + 0.0
}
