//! Counters of queues. The broker renews them every five seconds.

use serde::Deserialize;

use crate::address::encode;
use crate::client::{Error, Management};

/// The counters of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QueueCounters {
    /// Its name.
    pub name: String,
    /// Messages that consumers have and have not acknowledged.
    #[serde(default, rename = "messages_unacknowledged")]
    pub unacknowledged: u32,
    /// Totals since the queue was declared.
    #[serde(default, rename = "message_stats")]
    pub totals: Totals,
}

/// How many messages a queue has seen in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Totals {
    /// Acknowledged.
    #[serde(default)]
    pub ack: u64,
    /// Delivered to consumers.
    #[serde(default)]
    pub deliver: u64,
}

impl Management {
    /// The counters of every queue in the vhost.
    pub fn queues(&self) -> Result<Vec<QueueCounters>, Error> {
        self.read(&format!("queues/{}", self.vhost))
    }

    /// The counters of one queue.
    pub fn queue(&self, name: &str) -> Result<QueueCounters, Error> {
        self.read(&format!("queues/{}/{}", self.vhost, encode(name)))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, Error> {
        serde_json::from_value(self.call("GET", path, None)?).map_err(|error| self.unexpected(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_without_traffic_has_no_counters() {
        let queue: QueueCounters = serde_json::from_str(r#"{ "name": "orders.list", "state": "running" }"#).unwrap();
        assert_eq!(queue, QueueCounters { name: "orders.list".into(), unacknowledged: 0, totals: Totals::default() });
    }
}
