//! The work on queues, from the broker's management API: what workers have in hand and what they have done. AMQP shows
//! neither.

use std::collections::HashMap;
use std::sync::Arc;

use management::{Management, QueueCounters};

use crate::policy::Work;

/// The suffix of a pattern's second queue.
const REDELIVERED: &str = ".redelivered";

pub(crate) struct WorkCounters {
    management: Arc<Management>,
}

impl WorkCounters {
    pub(crate) fn new(management: Management) -> Self {
        Self { management: Arc::new(management) }
    }

    /// The work on each queue, by pattern; the error is a sentence part.
    pub(crate) async fn read(&self) -> Result<HashMap<String, Work>, String> {
        let management = Arc::clone(&self.management);
        let read = tokio::task::spawn_blocking(move || management.queues()).await;
        let queues = read.map_err(|panic| panic.to_string())?.map_err(|error| error.to_string())?;
        Ok(by_pattern(queues))
    }
}

fn by_pattern(queues: Vec<QueueCounters>) -> HashMap<String, Work> {
    let mut all = HashMap::new();
    for queue in queues {
        let pattern = queue.name.strip_suffix(REDELIVERED).unwrap_or(&queue.name);
        let work = all.entry(pattern.to_owned()).or_insert(Work { done: 0, in_hand: 0 });
        work.done += queue.totals.ack + queue.totals.deliver;
        work.in_hand += queue.unacknowledged;
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
