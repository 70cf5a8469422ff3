//! What `signalbox why` shows.

use std::fmt;

use contracts::{SubscriptionInfo, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::queues::QueuedMessage;
use crate::print::{count, harmless};

/// Everything that is known of an id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) id: String,
    pub(super) order: Option<OrderRow>,
    pub(super) idempotency_key: Option<Key>,
    pub(super) user: Option<UserRow>,
    pub(super) events: Vec<EventTrace>,
    /// Queues that held more messages than were looked at.
    pub(super) not_seen_through: Vec<String>,
}

impl Report {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_none() && self.user.is_none() && self.events.is_empty()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderRow {
    pub(super) id: Uuid,
    pub(super) user_id: String,
    pub(super) created_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) created_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRow {
    pub(super) id: Uuid,
    pub(super) is_active: bool,
    pub(super) created_at: Timestamp,
}

/// An event. Of one that no outbox has (any more) only the identity and the name are known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventTrace {
    pub(super) id: Uuid,
    pub(super) event: String,
    pub(super) about: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) recorded_at: Option<Timestamp>,
    pub(super) published_at: Option<Timestamp>,
    /// Why it cannot be published, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set_aside: Option<String>,
    pub(super) listeners: Vec<EventConsumer>,
}

impl EventTrace {
    pub(super) fn stray(id: Uuid, listener: &SubscriptionInfo) -> Self {
        let (about, owner, request_id) = Default::default();
        let (recorded_at, published_at, set_aside, listeners) = Default::default();
        let event = listener.event.into();
        Self { id, event, about, owner, request_id, recorded_at, published_at, set_aside, listeners }
    }

    /// Whether some listener has it, or has had it: a relay publishes an event before it marks its row.
    pub(super) fn is_out(&self) -> bool {
        self.listeners.iter().any(|hearing| !matches!(hearing.state, State::Pending))
    }
}

/// How it stands between an event and a listener.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventConsumer {
    pub(super) listener: &'static str,
    pub(super) state: State,
    /// What it waits for, if it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    pub(super) applied_at: Option<Timestamp>,
    /// Where it lies, if it is to be tried again or dead.
    pub(super) queue: Option<QueuedMessage>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It has had its effect.
    Applied,
    /// It failed and will be tried again.
    Retrying,
    /// It was dead-lettered.
    Dead,
    /// None of these: [`Pending`] says what it waits for.
    Pending,
}

/// What an event waits for.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Pending {
    /// For its relay.
    Unpublished,
    /// For an operator: it cannot be published.
    SetAside,
    /// For the listener's queue, which does not exist.
    NoQueue,
    /// For a worker: nobody takes from the listener's queue.
    NoWorker,
    /// For its turn in the listener's queue, or for the end of the work on it.
    InQueue,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unpublished => "waits to be published: see `signalbox status` for its relay",
            Self::SetAside => "waits for somebody to mend it: it cannot be published",
            Self::NoQueue => "the listener's queue does not exist: `signalbox topology apply` makes it",
            Self::NoWorker => "waits in its queue: no worker takes from it",
            Self::InQueue => "waits in its queue, or is being worked on",
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(OrderRow { id, user_id, created_at }) = &self.order {
            writeln!(f, "order {id} of user {}, placed {created_at}", harmless(user_id))?;
        }
        if let Some(Key { key, created_at }) = &self.idempotency_key {
            writeln!(f, "  idempotency key {}, claimed {created_at}", harmless(key))?;
        }
        if let Some(UserRow { id, is_active, created_at }) = &self.user {
            writeln!(f, "user {id}, registered {created_at}{}", if *is_active { "" } else { ", not active" })?;
        }
        for told in &self.events {
            write!(f, "{told}")?;
        }
        if self.events.is_empty() {
            writeln!(f, "no event: none was recorded, or it was pruned (EVENTS_OUTBOX_H)")?;
        }
        for queue in &self.not_seen_through {
            writeln!(f, "{queue} holds more messages than were looked at")?;
        }
        Ok(())
    }
}

impl fmt::Display for EventTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} {}", self.event, self.id)?;
        if let Some(about) = &self.about {
            write!(f, " about {}", harmless(about))?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request {}", harmless(id))?;
        }
        writeln!(f)?;
        match (self.recorded_at, self.published_at) {
            (None, _) => writeln!(f, "  not in an outbox (any more)")?,
            (Some(recorded), None) if self.set_aside.is_some() => {
                let why = self.set_aside.as_deref().map(harmless).unwrap_or_default();
                writeln!(f, "  recorded {recorded}, set aside: {why}")?;
            }
            (Some(recorded), None) if self.is_out() => {
                writeln!(f, "  recorded {recorded}, published just now: its relay has not marked it yet")?;
            }
            (Some(recorded), None) => writeln!(f, "  recorded {recorded}, not published yet")?,
            (Some(recorded), Some(published)) => writeln!(f, "  recorded {recorded}, published {published}")?,
        }
        self.listeners.iter().try_for_each(|hearing| write!(f, "{hearing}"))
    }
}

impl fmt::Display for EventConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}: ", self.listener)?;
        match (&self.queue, self.applied_at, self.pending) {
            (_, Some(applied), _) => writeln!(f, "applied {applied}"),
            (Some(lying), None, _) => write!(f, "{lying}"),
            (None, None, Some(pending)) => writeln!(f, "{pending}"),
            (None, None, None) => writeln!(f, "pending"),
        }
    }
}

impl fmt::Display for QueuedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "unknown".into(), harmless);
        let failed = count(self.attempts.try_into().unwrap_or_default(), "time");
        if self.dead {
            writeln!(f, "dead-lettered, in {}; failed {failed}\n    reason      {}", self.queue, text(&self.reason))?;
        } else {
            writeln!(f, "retrying, in {}; failed {failed}", self.queue)?;
        }
        writeln!(f, "    first error {}\n    last error  {}", text(&self.first_error), text(&self.last_error))
    }
}
