//! What processes report about themselves on the exchange `control`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::types::timestamp::Timestamp;

/// The relay of each service that publishes events. Frozen: status requests are routed by this name.
pub const RELAYS: [&str; 2] = ["users.relay", "orders.relay"];
/// By this name gateways are asked. Frozen.
pub const GATEWAY: &str = "gateway";

/// The upper bounds of the buckets into which durations are counted, in seconds.
pub const BOUNDS_S: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// It serves a request pattern.
    Worker,
    /// It hears an event.
    Listener,
    /// It publishes what a service has recorded.
    Relay,
    /// It takes requests by HTTP.
    Gateway,
}

impl ProcessKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Listener => "listener",
            Self::Relay => "relay",
            Self::Gateway => "gateway",
        }
    }
}

/// The answer to `describe`: what a process is, which does not change as long as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProcessInfo {
    /// Its name, such as `orders.create`: the pattern that it serves, or its name as a listener, a relay or `gateway`.
    pub name: String,
    /// This one of the processes of that name.
    pub instance: Uuid,
    /// What it is for.
    pub kind: ProcessKind,
    /// The event that it hears; `null` for processes that are no listeners.
    pub event: Option<String>,
    /// Its release and, in brackets, the revision that it was built from.
    pub version: String,
    /// The machine that it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
}

/// The answer to `stats`: how a process fares. What it does not know, or has none of, it leaves `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// The process's name, such as `orders.relay`.
    pub name: String,
    /// This one of the processes of that name.
    pub instance: Uuid,
    /// Whether its database answers.
    pub database: Option<bool>,
    /// What a relay has to publish; `null` for other processes.
    pub outbox: Option<OutboxStats>,
    /// What it is; `null` from a release that does not say so.
    #[serde(default)]
    pub process: Option<ProcessInfo>,
    /// What it has done and is doing; `null` from a release that does not say so.
    #[serde(default)]
    pub work: Option<WorkStats>,
}

/// How a relay fares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutboxStats {
    /// Whether this process publishes; the others of its name stand by.
    pub leader: bool,
    /// Events that are recorded and not published yet; counted up to 100 000.
    pub unpublished: Option<u64>,
    /// For how long the oldest of them has waited, in seconds; `null` also when there is none.
    pub oldest_unpublished_s: Option<f64>,
}

/// What a process has done since it started, and is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkStats {
    /// Whether it takes messages from its queue; `null` where it has none.
    pub consuming: Option<bool>,
    /// Why not.
    pub paused_because: Option<PauseReason>,
    /// How many messages it works on.
    pub in_flight: u32,
    /// How many it takes at a time at most; 0 where it takes none.
    pub prefetch: u16,
    /// How many messages ended how: `ok`, an error code, `expired`; for an event `applied`, `repeated`, `put_off`, `buried`; for
    /// a relay `published`, `set_aside`.
    pub outcomes: BTreeMap<String, u64>,
    /// How long requests waited in the queue. Measured by the clocks of two machines, where they differ; `null` for processes
    /// that serve no pattern.
    pub queue_wait: Option<Histogram>,
    /// How long it worked on each message.
    pub handling: Option<Histogram>,
    /// How long each SQL statement took.
    pub database_time: Option<Histogram>,
    /// How often it connected to the broker anew after a connection broke.
    pub reconnects: u64,
    /// Resident memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time that it has used, in seconds.
    pub cpu_s: Option<f64>,
}

/// Why a process takes no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Its database cannot be used; others serve its queue.
    Database,
    /// Another process leads, and it stands by.
    Standby,
}

/// How long things took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Histogram {
    /// The upper bounds of the buckets, in seconds.
    #[cfg_attr(feature = "schema", schemars(length(max = 64)))]
    pub bounds_s: Vec<f64>,
    /// How many fell into each bucket, and last, how many were longer than every bound.
    #[cfg_attr(feature = "schema", schemars(length(max = 65)))]
    pub counts: Vec<u64>,
    /// All of them together, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound that so large a part of them did not exceed; `None` when there were none, infinity beyond the last bound.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a count stays far below 2^53")]
        let wanted = self.count() as f64 * part;
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
    fn every_service_that_tells_events_has_a_relay() {
        let telling: BTreeSet<String> = EVENTS.iter().map(|event| format!("{}.relay", event.service)).collect();
        assert_eq!(telling, RELAYS.map(str::to_owned).into());
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let of = |counts: [u64; 3]| Histogram { bounds_s: vec![0.1, 1.0], counts: counts.into(), sum_s: 0.0 };
        assert_eq!(of([0, 0, 0]).quantile(0.5), None);
        assert_eq!((of([9, 1, 0]).quantile(0.5), of([9, 1, 0]).quantile(0.99)), (Some(0.1), Some(1.0)));
        assert_eq!(of([0, 0, 1]).quantile(0.5), Some(f64::INFINITY));
    }

    #[test]
    fn what_an_earlier_release_tells_is_understood() {
        let told = r#"{"name":"orders.relay","instance":"0199f0a0-7c3e-7000-8000-000000000001","database":true,"outbox":null}"#;
        let stats: Stats = serde_json::from_str(told).unwrap();
        assert_eq!((stats.process, stats.work), (None, None));
    }
}
