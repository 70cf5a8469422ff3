//! Completes the history of an order: requests the inbox entries of the service whose listeners handle its events.
//!
//! No service reads another's database, so each returns its own part, and the gateway combines them. What does not arrive in
//! time stays `unknown`; the rest of the history is returned anyway.

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

/// The longest wait for the inbox entries.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The inbox of a service with listeners.
pub(crate) struct Inbox<'a> {
    pub(crate) rpc: &'a RpcClient,
    /// The pattern that returns its entries; the part before the dot is the service.
    pub(crate) pattern: &'static str,
    pub(crate) latency: &'a LatencyHistogram,
    /// How long entries are kept.
    pub(crate) kept: Duration,
}

/// Completes a history by the inbox entries of a service.
pub(crate) async fn complete(
    reply: &RawValue,
    inbox: &Inbox<'_>,
    meta: &RequestMetadata,
) -> Result<Box<RawValue>, HttpError> {
    let bad = |error| HttpError::new(Code::BadReply, "The service's reply is not a history.").because(error);
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
            Ok(entries) => apply(event, &entries, &is_ours, self.kept),
            Err(error) => {
                let pattern = self.pattern;
                tracing::warn!(pattern, error, request_id = meta.request_id, "a history is incomplete");
            }
        }
    }

    async fn entries(&self, event_id: Uuid, meta: &RequestMetadata) -> Result<InboxEntries, String> {
        let request = to_raw_value(&ReadInbox { event_id }).map_err(|error| error.to_string())?;
        let meta = meta.renewed(TIMEOUT.min(meta.deadline.remaining()));
        let start = Instant::now();
        // Does not wait for a worker: the history is returned without these entries.
        let answer = self.rpc.call(self.pattern, &request, &meta, None).await;
        if !matches!(
            answer,
            Err(RpcError::NotConnected | RpcError::NobodyServes | RpcError::NoWorkerStarted | RpcError::Expired)
        ) {
            self.latency.count(start.elapsed());
        }
        let reply = answer.map_err(|error| error.to_string())?.map_err(|fault| fault.code.as_str().to_owned())?;
        serde_json::from_str(reply.get()).map_err(|_| "the reply contains no entries".to_owned())
    }
}

/// Sets the state of each listener. Without an entry it is waiting, unless an entry of that age would have been removed.
fn apply(event: &mut EventHistory, entries: &InboxEntries, is_ours: &dyn Fn(&str) -> bool, kept: Duration) {
    let age = jiff::Timestamp::now().duration_since(event.recorded_at.0);
    let is_recent = age.unsigned_abs() < kept;
    for listener in event.listeners.iter_mut().filter(|listener| is_ours(&listener.name)) {
        let entry = entries.entries.iter().find(|entry| entry.listener == listener.name);
        listener.applied_at = entry.map(|entry| entry.applied_at);
        listener.status = match entry {
            Some(_) => ListenerStatus::Applied,
            None if is_recent => ListenerStatus::Waiting,
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

    fn states(age_s: i64, entries: Vec<InboxEntry>) -> [ListenerStatus; 2] {
        let mut event = event(age_s);
        apply(&mut event, &InboxEntries { entries }, &|name| name.starts_with("users."), Duration::from_hours(1));
        [event.listeners[0].status, event.listeners[1].status]
    }

    #[test]
    fn only_what_the_service_knows_is_reported() {
        use ListenerStatus::{Applied, Unknown, Waiting};
        let entry = || InboxEntry {
            listener: "users.on_order_created".into(),
            applied_at: Timestamp(jiff::Timestamp::UNIX_EPOCH),
        };
        assert_eq!(states(10, vec![]), [Waiting, Unknown]);
        assert_eq!(states(10, vec![entry()]), [Applied, Unknown]);
        assert_eq!(states(3_700, vec![]), [Unknown, Unknown], "an entry of that age would have been removed");
        assert_eq!(states(3_700, vec![entry()]), [Applied, Unknown]);
    }

    #[test]
    fn every_listener_of_an_order_is_in_the_inbox_of_the_route() {
        let route = TABLE.iter().find(|route| route.pattern() == Some(ShowHistory::PATTERN)).unwrap();
        let service = route.inbox.and_then(|pattern| pattern.split('.').next()).unwrap();
        for listener in LISTENERS.iter().filter(|listener| listener.published_by == "orders") {
            assert_eq!(
                listener.name.split('.').next(),
                Some(service),
                "no pattern returns what {} has applied",
                listener.name
            );
        }
    }
}
