//! Names of exchanges and routing keys, and prefixes of the queues that processes declare for themselves.

/// Events are published here under their names. Frozen.
pub const EVENTS_EXCHANGE: &str = "events";
/// Every request queue is bound here by its own name, for clients that publish to a topic exchange. Frozen.
pub const PATTERNS_EXCHANGE: &str = "patterns";
/// Status requests to processes are published here. Frozen.
pub const CONTROL_EXCHANGE: &str = "control";
/// Requests that expired are dead-lettered here and return to the client that their header names. Frozen.
pub const EXPIRED_EXCHANGE: &str = "expired";
/// Processes publish the spans of sampled traces here. Frozen.
pub const TELEMETRY_EXCHANGE: &str = "telemetry";
/// Prefix of the routing keys of spans: `spans.orders.create`. Frozen.
pub(crate) const SPANS: &str = "spans";
/// Prefix of the queues by which expired requests return.
pub(crate) const EXPIRED_QUEUES: &str = "expired.";
/// The exclusive queue that serves as the lock of the active scaler.
pub(crate) const SCALER_LOCK: &str = "scaler.leader";
/// Prefix of the queues of live subscriptions.
pub(crate) const FEED_QUEUES: &str = "feed.";
/// Prefix of the queues by which a process receives status requests and answers.
pub(crate) const CONTROL_QUEUES: &str = "control.";
/// Prefix of the routing keys of answers. Frozen.
pub(crate) const REPLIES: &str = "replies.";
/// The key of a status request to every process. Frozen.
pub(crate) const STATS: &str = "stats";

/// The key of a request for a process's description. Frozen.
pub(crate) const DESCRIBE: &str = "describe";

/// The key of a request for another log level for a while. Frozen.
pub(crate) const LOG_LEVEL: &str = "log-level";

/// The key of a request for the spans of a trace. Frozen.
pub(crate) const TRACE: &str = "trace";

/// The key of a request to the processes of a name, or to one of them: `stats.orders.relay`.
pub(crate) fn key_of(request: &str, name: &str) -> String {
    format!("{request}.{name}")
}

/// Prefix of a process's own queues.
pub(crate) fn queues_of(process: &str) -> String {
    format!("{CONTROL_QUEUES}{process}.")
}

/// The queue that every process of a name consumes, so that the broker counts them. Frozen.
pub(crate) fn presence_queue(process: &str) -> String {
    format!("{}present", queues_of(process))
}

/// Prefix of the queues by which a process's expired requests return.
pub(crate) fn expired_queues_of(process: &str) -> String {
    format!("{EXPIRED_QUEUES}{process}.")
}
