//! Completes the history of an order: asks the service whose listeners hear the order's events what they have applied.
//!
//! No service reads another's database, so each tells its own part, and here they are put together. What cannot be
//! learnt in time stays `unknown`: the rest of the history is shown all the same.

use std::time::{Duration, Instant};

use amqp::{RequestMetadata, RpcClient, RpcError};
use contracts::Code;
use contracts::orders::{EventHistory, ListenerStatus, OrderHistory};
use contracts::users::{InboxEntries, ReadInbox};
use futures_util::future::join_all;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::http::problem::HttpError;
use crate::metrics::LatencyHistogram;

/// Whoever looks at a history does not wait longer than this for a part of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked of a service whose listeners hear events.
pub(crate) struct Inbox<'a> {
    pub(crate) rpc: &'a RpcClient,
    /// Its pattern: what stands before the dot is the service.
    pub(crate) pattern: &'static str,
    pub(crate) meter: &'a LatencyHistogram,
    /// How long listeners remember what they have applied.
    pub(crate) kept: Duration,
}

/// The history with what the service's listeners have applied.
pub(crate) async fn complete(
    reply: &RawValue,
    inbox: &Inbox<'_>,
    meta: &RequestMetadata,
) -> Result<Box<RawValue>, HttpError> {
    let bad = |error| {
        HttpError::new(Code::BadReply, "The service answered with something else than a history.").because(error)
    };
    let mut history: OrderHistory = serde_json::from_str(reply.get()).map_err(bad)?;
    join_all(history.events.iter_mut().map(|event| inbox.complete(event, meta))).await;
    to_raw_value(&history).map_err(bad)
}

impl Inbox<'_> {
    async fn complete(&self, event: &mut EventHistory, meta: &RequestMetadata) {
        let (service, _) = self.pattern.split_once('.').unwrap_or((self.pattern, ""));
        let is_ours = |name: &str| name.split_once('.').is_some_and(|(its, _)| its == service);
        if !event.listeners.iter().any(|listener| is_ours(&listener.name)) {
            return;
        }
        match self.entries(event.id, meta).await {
            Ok(entries) => note(event, &entries, &is_ours, self.kept),
            Err(error) => {
                let pattern = self.pattern;
                tracing::warn!(pattern, error, request_id = meta.request_id, "a history stays incomplete");
            }
        }
    }

    async fn entries(&self, event_id: Uuid, meta: &RequestMetadata) -> Result<InboxEntries, String> {
        let question = to_raw_value(&ReadInbox { event_id }).map_err(|error| error.to_string())?;
        let meta = meta.renewed(PATIENCE.min(meta.deadline.remaining()));
        let asked = Instant::now();
        // Nobody waits for a worker here: what is known is shown without it.
        let answer = self.rpc.call(self.pattern, &question, &meta, None).await;
        if !matches!(answer, Err(RpcError::NotConnected | RpcError::NobodyServes | RpcError::Expired)) {
            self.meter.count(asked.elapsed());
        }
        let reply = answer.map_err(|error| error.to_string())?.map_err(|fault| fault.code.as_str().to_owned())?;
        serde_json::from_str(reply.get()).map_err(|_| "the reply holds no entries".to_owned())
    }
}

/// What has no entry is waiting, unless it is so old that an entry would be gone.
fn note(event: &mut EventHistory, entries: &InboxEntries, is_ours: &dyn Fn(&str) -> bool, kept: Duration) {
    let age = jiff::Timestamp::now().duration_since(event.recorded_at.0);
    let is_remembered = age.unsigned_abs() < kept;
    for listener in event.listeners.iter_mut().filter(|listener| is_ours(&listener.name)) {
        let entry = entries.entries.iter().find(|entry| entry.listener == listener.name);
        listener.applied_at = entry.map(|entry| entry.applied_at);
        listener.status = match entry {
            Some(_) => ListenerStatus::Applied,
            None if is_remembered => ListenerStatus::Waiting,
            None => ListenerStatus::Unknown,
        };
    }
}

#[cfg(test)]
mod tests {
    use contracts::events::LISTENERS;
    use contracts::orders::{ListenerHistory, ShowHistory};
    use contracts::users::InboxEntry;
    use contracts::{Request, Timestamp};

    use super::*;
    use crate::routing::table::TABLE;

    fn event(age_s: i64) -> EventHistory {
        let recorded_at = Timestamp(jiff::Timestamp::now() - jiff::SignedDuration::from_secs(age_s));
        let listener =
            |name: &str| ListenerHistory { name: name.to_owned(), status: ListenerStatus::Unknown, applied_at: None };
        EventHistory {
            id: Uuid::nil(),
            name: "order.created".into(),
            recorded_at,
            published_at: None,
            failed_at: None,
            listeners: vec![listener("users.on_order_created"), listener("stock.on_order_created")],
        }
    }

    fn noted(age_s: i64, entries: Vec<InboxEntry>) -> [ListenerStatus; 2] {
        let mut event = event(age_s);
        note(&mut event, &InboxEntries { entries }, &|name| name.starts_with("users."), Duration::from_hours(1));
        [event.listeners[0].status, event.listeners[1].status]
    }

    #[test]
    fn nothing_is_claimed_that_the_service_does_not_know() {
        use ListenerStatus::{Applied, Unknown, Waiting};
        let entry = || InboxEntry {
            listener: "users.on_order_created".into(),
            applied_at: Timestamp(jiff::Timestamp::UNIX_EPOCH),
        };
        assert_eq!(noted(10, vec![]), [Waiting, Unknown]);
        assert_eq!(noted(10, vec![entry()]), [Applied, Unknown]);
        assert_eq!(noted(3_700, vec![]), [Unknown, Unknown], "an entry of that age would be gone");
        assert_eq!(noted(3_700, vec![entry()]), [Applied, Unknown]);
    }

    #[test]
    fn every_listener_of_an_order_can_be_asked() {
        let route = TABLE.iter().find(|route| route.pattern() == Some(ShowHistory::PATTERN)).unwrap();
        let service = route.inbox.and_then(|pattern| pattern.split('.').next()).unwrap();
        for listener in LISTENERS.iter().filter(|listener| listener.published_by == "orders") {
            assert_eq!(listener.name.split('.').next(), Some(service), "nobody tells what {} applied", listener.name);
        }
    }
}
