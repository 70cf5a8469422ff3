//! Bounds of queues, as RabbitMQ policies. They are not arguments of the queues, so that a client which declares a
//! plain durable queue finds the same arguments, and so that they can be changed while the queues are in use.

use contracts::{LISTENERS, PATTERNS};

use crate::topology::names::EXPIRED_EXCHANGE;
use crate::topology::permissions::escape;

/// The most requests that a queue holds; the broker refuses further ones. The gateway's limits are far lower.
const REQUESTS: u64 = 10_000;
/// The most bytes that it holds.
const REQUEST_BYTES: u64 = 64 << 20;
/// For requests without an expiration: as long as a worker assumes that their caller waits.
const REQUEST_TTL_MS: u64 = 30_000;
/// The most bytes that an event queue holds. Its arguments limit the number of events.
const EVENT_BYTES: u64 = 1 << 30;
/// Above an operator's policies for all queues that have no priority.
const PRIORITY: i32 = 10;

/// A policy, in RabbitMQ's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the vhost. Frozen: another name would be one more policy.
    pub name: &'static str,
    /// The queues that it applies to, as a regular expression.
    pub pattern: String,
    /// What it defines.
    pub definition: Vec<(&'static str, Bound)>,
    /// If several policies match a queue, the one with the highest priority applies.
    pub priority: i32,
}

/// A value in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A number.
    Number(u64),
    /// A text.
    Word(&'static str),
}

/// All policies.
pub fn policies() -> Vec<Policy> {
    let requests = PATTERNS.map(escape).join("|");
    let listeners: Vec<_> = LISTENERS.iter().map(|listener| escape(listener.name)).collect();
    vec![
        Policy {
            name: "requests",
            pattern: format!(r"^({requests})(\.redelivered)?$"),
            definition: vec![
                ("max-length", Bound::Number(REQUESTS)),
                ("max-length-bytes", Bound::Number(REQUEST_BYTES)),
                ("message-ttl", Bound::Number(REQUEST_TTL_MS)),
                ("overflow", Bound::Word("reject-publish")),
                // So that the client learns from the broker that its request expired.
                ("dead-letter-exchange", Bound::Word(EXPIRED_EXCHANGE)),
            ],
            priority: PRIORITY,
        },
        Policy {
            name: "events",
            pattern: format!(r"^({})(\.dead|\.retry\.[0-9]+ms)?$", listeners.join("|")),
            definition: vec![("max-length-bytes", Bound::Number(EVENT_BYTES))],
            priority: PRIORITY,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_match_every_queue_of_ours() {
        let [requests, events] = policies().try_into().unwrap();
        assert!(requests.pattern.starts_with("^(") && requests.pattern.ends_with(r")(\.redelivered)?$"));
        assert!(PATTERNS.iter().all(|pattern| requests.pattern.contains(&escape(pattern))));
        assert!(LISTENERS.iter().all(|listener| events.pattern.contains(&escape(listener.name))));
    }
}
