//! The status that processes report on the exchange `control`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::types::timestamp::Timestamp;

/// The relay of each service that publishes events. Frozen: status requests are routed by this name.
pub const RELAYS: [&str; 2] = ["users.relay", "orders.relay"];
/// The name that gateways report under. Frozen.
pub const GATEWAY: &str = "gateway";

/// The upper bounds of the histograms' buckets, in seconds.
pub const BOUNDS_S: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// It serves a request pattern.
    Worker,
    /// It subscribes to an event.
    Listener,
    /// It publishes the events that a service has recorded.
    Relay,
    /// It accepts requests over HTTP.
    Gateway,
}

impl ProcessKind {
    /// The serialised form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Listener => "listener",
            Self::Relay => "relay",
            Self::Gateway => "gateway",
        }
    }
}

/// The response to `describe`: the identity of a process, which does not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// Its name, such as `orders.create`: the pattern that it serves, or its name as a listener, a relay or `gateway`.
    pub name: String,
    /// The id of this process among those with the same name.
    pub instance: Uuid,
    /// What it does.
    pub kind: ProcessKind,
    /// The event that it subscribes to; `null` for processes that are not listeners.
    pub event: Option<String>,
    /// Its release and, in brackets, the revision that it was built from.
    pub version: String,
    /// The host that it runs on.
    pub host: String,
    /// Its process id on that host.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
}

/// The response to `stats`: the status of a process. A value that is unknown or does not apply is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The process's name, such as `orders.relay`.
    pub name: String,
    /// The id of this process among those with the same name.
    pub instance: Uuid,
    /// Whether its database is reachable.
    pub database: Option<bool>,
    /// The state of a relay's outbox; `null` for other processes.
    pub outbox: Option<OutboxStats>,
    /// Its identity; `null` from releases that do not report it.
    #[serde(default)]
    pub process: Option<ProcessInfo>,
    /// Its work; `null` from releases that do not report it.
    #[serde(default)]
    pub work: Option<WorkStats>,
}

/// The state of a relay's outbox.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutboxStats {
    /// Whether this process is the leader, which publishes; the others are on standby.
    pub leader: bool,
    /// The number of events that are recorded and not yet published; counted up to 100 000.
    pub unpublished: Option<u64>,
    /// How long the oldest of them has waited, in seconds; `null` also if there is none.
    pub oldest_unpublished_s: Option<f64>,
}

/// The work of a process since it started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkStats {
    /// Whether it consumes its queue; `null` if it has no queue.
    pub consuming: Option<bool>,
    /// Why it does not consume its queue.
    pub paused_because: Option<PauseReason>,
    /// The number of messages being handled.
    pub in_flight: u32,
    /// The most messages that it takes at a time; 0 if it has no queue.
    pub prefetch: u16,
    /// The number of messages by outcome: `ok`, an error code or `expired` for requests; `applied`, `repeated`, `put_off` or
    /// `buried` for events; `published` or `set_aside` for a relay.
    pub outcomes: BTreeMap<String, u64>,
    /// How long requests waited in the queue, by the clocks of both machines if caller and worker run on different ones; `null`
    /// for processes that serve no pattern.
    pub queue_wait: Option<Histogram>,
    /// How long each message was handled.
    pub handling: Option<Histogram>,
    /// How long each SQL statement took.
    pub database_time: Option<Histogram>,
    /// How often it has reconnected to the broker.
    pub reconnects: u64,
    /// Resident memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time used, in seconds.
    pub cpu_s: Option<f64>,
    /// The HTTP requests that a gateway answered, by the pattern that their route calls: `builtin` if the gateway answers itself,
    /// `none` if there is no route. Empty for other processes.
    #[serde(default)]
    pub http: BTreeMap<String, HttpStats>,
    /// The number of spans of sampled traces that it could not publish.
    #[serde(default)]
    pub dropped_spans: u64,
}

/// The HTTP requests that call one pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HttpStats {
    /// Their duration, from the first byte to the response.
    pub duration: Histogram,
    /// The number of responses by class: `2xx`, `4xx`, `5xx`.
    pub statuses: BTreeMap<String, u64>,
}

/// The longest change of a log level, in seconds.
pub const LONGEST_LOG_LEVEL_S: u32 = 3_600;

/// The request `log-level`: a process uses this level instead of its setting, for a limited time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelRequest {
    /// The level.
    pub level: LogLevel,
    /// For how many seconds; afterwards the setting applies again.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = LONGEST_LOG_LEVEL_S)))]
    pub for_s: u32,
}

/// The response to `log-level`: which process has changed its level, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogLevelChange {
    /// The process.
    pub process: ProcessInfo,
    /// Its current level.
    pub level: LogLevel,
    /// When the setting applies again.
    pub until: Timestamp,
}

/// A level of the log; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only errors.
    Error,
    /// And warnings.
    Warn,
    /// And what happens; the default.
    Info,
    /// And details for debugging.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every level.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The serialised form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Why a process does not consume its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Its database cannot be used; other processes serve the queue.
    Database,
    /// Another process is the leader.
    Standby,
}

/// A histogram of durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Histogram {
    /// The upper bounds of the buckets, in seconds.
    #[cfg_attr(feature = "schema", schemars(length(max = 64)))]
    pub bounds_s: Vec<f64>,
    /// The count of each bucket; the last one counts durations above every bound.
    #[cfg_attr(feature = "schema", schemars(length(max = 65)))]
    pub counts: Vec<u64>,
    /// The sum of all durations, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound that this fraction did not exceed; `None` if the histogram is empty, infinity beyond the last bound.
    pub fn quantile(&self, fraction: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
        let wanted = self.count() as f64 * fraction;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
            let enough = seen as f64 >= wanted;
            enough && seen > 0
        })?;
        Some(self.bounds_s.get(bucket).copied().unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::events::EVENTS;

    #[test]
    fn every_service_that_publishes_events_has_a_relay() {
        let publishing: BTreeSet<String> = EVENTS.iter().map(|event| format!("{}.relay", event.service)).collect();
        assert_eq!(publishing, RELAYS.map(str::to_owned).into());
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let of = |counts: [u64; 3]| Histogram { bounds_s: vec![0.1, 1.0], counts: counts.into(), sum_s: 0.0 };
        assert_eq!(of([0, 0, 0]).quantile(0.5), None);
        assert_eq!((of([9, 1, 0]).quantile(0.5), of([9, 1, 0]).quantile(0.99)), (Some(0.1), Some(1.0)));
        assert_eq!(of([0, 0, 1]).quantile(0.5), Some(f64::INFINITY));
    }

    #[test]
    fn a_report_of_an_earlier_release_is_understood() {
        let report = r#"{"name":"orders.relay","instance":"0199f0a0-7c3e-7000-8000-000000000001","database":true,"outbox":null}"#;
        let stats: Stats = serde_json::from_str(report).unwrap();
        assert_eq!((stats.process, stats.work), (None, None));
    }
}
