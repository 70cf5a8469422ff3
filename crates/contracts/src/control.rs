//! What processes report about themselves on the exchange `control`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The relay of each service that publishes events. Frozen: status requests are routed by this name.
pub const RELAYS: [&str; 2] = ["users.relay", "orders.relay"];

/// The answer to `stats`. What a process does not know, it leaves `null`.
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
}
