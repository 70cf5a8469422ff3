//! Names of exchanges and keys, and how the names of queues begin that processes make for themselves.

/// Events are published here under their names. Frozen.
pub const EVENTS_EXCHANGE: &str = "events";
/// Every request queue is bound here by its own name, for clients that publish to a topic exchange. Frozen.
pub const PATTERNS_EXCHANGE: &str = "patterns";
/// Processes are asked here how they fare. Frozen.
pub const CONTROL_EXCHANGE: &str = "control";
/// Requests that no worker took in time are dead-lettered here, and go back to whoever their header names. Frozen.
pub const EXPIRED_EXCHANGE: &str = "expired";
/// How the names of queues begin by which expired requests come back.
pub(crate) const EXPIRED_QUEUES: &str = "expired.";
/// How the names of live subscriptions' queues begin.
pub(crate) const FEED_QUEUES: &str = "feed.";
/// How the names of queues begin by which a process hears and is answered.
pub(crate) const CONTROL_QUEUES: &str = "control.";
/// How the keys begin to which answers go. Frozen.
pub(crate) const REPLIES: &str = "replies.";
/// The question how a process fares. Frozen.
pub(crate) const STATS: &str = "stats";

/// The key by which the processes of a name are asked.
pub(crate) fn stats_of(name: &str) -> String {
    format!("{STATS}.{name}")
}

/// How the names of a process's own queues begin.
pub(crate) fn queues_of(process: &str) -> String {
    format!("{CONTROL_QUEUES}{process}.")
}

/// How the names of queues begin by which a process's expired requests come back.
pub(crate) fn expired_queues_of(process: &str) -> String {
    format!("{EXPIRED_QUEUES}{process}.")
}
