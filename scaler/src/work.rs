//! What the broker's management API tells of the work on queues, which AMQP does not: what is in hand, and what was done.

use std::collections::HashMap;

use hyper::Method;
use serde::Deserialize;

use crate::http::Api;
use crate::policy::Work;

/// What belongs to a pattern beside its queue.
const REDELIVERED: &str = ".redelivered";

pub(crate) struct WorkCounters {
    api: Api,
    path: String,
}

#[derive(Deserialize)]
struct Queue {
    name: String,
    #[serde(default)]
    messages_unacknowledged: u32,
    #[serde(default)]
    message_stats: Stats,
}

#[derive(Default, Deserialize)]
struct Stats {
    #[serde(default)]
    ack: u64,
    #[serde(default)]
    deliver: u64,
}

impl WorkCounters {
    /// Those of the queues in a vhost.
    pub(crate) fn of(api: Api, vhost: &str) -> Self {
        let path = vhost.bytes().fold("/api/queues/".to_owned(), |path, byte| path + &format!("%{byte:02X}"));
        Self { api, path }
    }

    /// The work on each queue, by pattern; the error is a sentence part.
    pub(crate) async fn read(&self) -> Result<HashMap<String, Work>, String> {
        let queues = self.api.call(Method::GET, &self.path).await?;
        let queues: Vec<Queue> = serde_json::from_value(queues).map_err(|error| error.to_string())?;
        Ok(by_pattern(queues))
    }
}

fn by_pattern(queues: Vec<Queue>) -> HashMap<String, Work> {
    let mut all = HashMap::new();
    for queue in queues {
        let pattern = queue.name.strip_suffix(REDELIVERED).unwrap_or(&queue.name);
        let work = all.entry(pattern.to_owned()).or_insert(Work { done: 0, in_hand: 0 });
        work.done += queue.message_stats.ack + queue.message_stats.deliver;
        work.in_hand += queue.messages_unacknowledged;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_two_queues() {
        let queues = serde_json::json!([
            { "name": "orders.get", "messages_unacknowledged": 2, "message_stats": { "ack": 5, "deliver": 7, "publish": 9 } },
            { "name": "orders.get.redelivered", "messages_unacknowledged": 1, "message_stats": { "ack": 1 } },
            { "name": "orders.list" },
        ]);
        let work = by_pattern(serde_json::from_value(queues).unwrap());
        assert_eq!(work["orders.get"], Work { done: 13, in_hand: 3 });
        assert_eq!(work["orders.list"], Work { done: 0, in_hand: 0 });
    }
}
