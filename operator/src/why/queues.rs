//! Searches the retry and dead-letter queues of a listener for events: reads each once, up to a limit.

use std::collections::BTreeMap;

use amqp::topology::{dead_queue, retry_queue};
use amqp::{BrowsedMessage, Depth, FailureInfo, Operator};
use contracts::SubscriptionInfo;
use serde::Serialize;
use uuid::Uuid;

use crate::error::CliError;
use crate::tool::Tool;

/// Messages read from a queue; all of them are held until the search is over.
const MOST: u32 = 1_000;

/// An event in a retry or dead-letter queue.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueuedMessage {
    #[serde(rename = "name")]
    pub(super) queue: String,
    pub(super) attempts: u32,
    pub(super) reason: Option<String>,
    pub(super) first_error: Option<String>,
    pub(super) last_error: Option<String>,
    #[serde(skip)]
    pub(super) dead: bool,
    #[serde(skip)]
    pub(super) event_id: Option<Uuid>,
    #[serde(skip)]
    request_id: Option<String>,
}

impl QueuedMessage {
    fn new(queue: &str, dead: bool, found: BrowsedMessage) -> Self {
        let FailureInfo { reason, attempts, first_error, last_error } = found.failure;
        let (event_id, request_id) = found.meta.map_or((None, None), |meta| (Some(meta.id), meta.request_id));
        Self { queue: queue.into(), attempts, reason, first_error, last_error, dead, event_id, request_id }
    }

    /// Whether the id is that of the event or of its request.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.request_id.as_deref() == Some(id) || self.event_id.is_some_and(|own| Ok(own) == Uuid::try_parse(id))
    }
}

/// The queues that were searched so far.
pub(super) struct Queues<'o> {
    tool: &'o Tool,
    operator: &'o Operator,
    seen: BTreeMap<&'static str, Vec<QueuedMessage>>,
    not_seen_through: Vec<String>,
}

impl<'o> Queues<'o> {
    pub(super) fn new(tool: &'o Tool, operator: &'o Operator) -> Self {
        Self { tool, operator, seen: BTreeMap::new(), not_seen_through: Vec::new() }
    }

    /// The messages in a listener's retry and dead-letter queues.
    pub(super) async fn of(&mut self, listener: &SubscriptionInfo) -> Result<&[QueuedMessage], CliError> {
        let name = listener.name;
        if !self.seen.contains_key(name) {
            let mut messages = Vec::new();
            let retries = self.tool.delays_ms.iter().map(|delay_ms| (retry_queue(name, *delay_ms), false));
            for (queue, dead) in retries.chain([(dead_queue(name), true)]) {
                let read = self.read(queue, dead, &mut messages).await;
                read.map_err(|error| self.tool.broke("cannot read the queues", &error))?;
            }
            self.seen.insert(name, messages);
        }
        Ok(&self.seen[name])
    }

    /// The depth and the number of consumers of a listener's own queue.
    pub(super) async fn live(&self, listener: &SubscriptionInfo) -> Result<Option<Depth>, CliError> {
        let depth = self.operator.depth(listener.name).await;
        depth.map_err(|error| self.tool.broke("cannot ask the broker", &error))
    }

    /// Queues that held more than was read.
    pub(super) fn not_seen_through(self) -> Vec<String> {
        self.not_seen_through
    }

    async fn read(&mut self, queue: String, dead: bool, messages: &mut Vec<QueuedMessage>) -> Result<(), amqp::Error> {
        let waiting = self.operator.depth(&queue).await?.unwrap_or_default().waiting;
        if waiting == 0 {
            return Ok(());
        }
        let browser = self.operator.browse(queue.clone()).await?;
        for _ in 0..waiting.min(MOST) {
            let Some(found) = browser.next().await? else { break };
            messages.push(QueuedMessage::new(&queue, dead, found));
        }
        browser.close().await?;
        if waiting > MOST {
            self.not_seen_through.push(queue);
        }
        Ok(())
    }
}
