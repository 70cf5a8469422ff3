//! The report of `signalbox why`.

use std::fmt;

use contracts::{SubscriptionInfo, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::queues::QueuedMessage;
use crate::print::{count, harmless};

/// Everything that is known about an id.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) id: String,
    pub(super) order: Option<OrderRow>,
    pub(super) idempotency_key: Option<Key>,
    pub(super) user: Option<UserRow>,
    pub(super) events: Vec<EventTrace>,
    /// Queues that held more messages than were read.
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

/// An event. If it is in no outbox, only its id and its name are known.
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
    /// The error, if it cannot be published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set_aside: Option<String>,
    pub(super) listeners: Vec<ListenerTrace>,
}

impl EventTrace {
    pub(super) fn unrecorded(id: Uuid, listener: &SubscriptionInfo) -> Self {
        let (about, owner, request_id) = Default::default();
        let (recorded_at, published_at, set_aside, listeners) = Default::default();
        let event = listener.event.into();
        Self { id, event, about, owner, request_id, recorded_at, published_at, set_aside, listeners }
    }

    /// Whether any listener received it. It was published then, even if the relay has not marked its row yet.
    pub(super) fn has_reached_a_listener(&self) -> bool {
        self.listeners.iter().any(|listener| !matches!(listener.state, State::Pending))
    }
}

/// The state of an event at a listener.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListenerTrace {
    pub(super) listener: &'static str,
    pub(super) state: State,
    /// What it waits for, if it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    pub(super) applied_at: Option<Timestamp>,
    /// The queue that holds it, if it is retried or dead-lettered.
    pub(super) queue: Option<QueuedMessage>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The listener handled it.
    Applied,
    /// It failed and will be retried.
    Retrying,
    /// It was dead-lettered.
    Dead,
    /// None of these; [`Pending`] says what it waits for.
    Pending,
}

/// What an event waits for.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Pending {
    /// The relay.
    Unpublished,
    /// An operator: it cannot be published.
    SetAside,
    /// The listener's queue, which does not exist.
    NoQueue,
    /// A worker: nobody consumes the listener's queue.
    NoWorker,
    /// Its turn in the listener's queue, or the end of its handling.
    InQueue,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unpublished => "waits for its relay: see `signalbox status`",
            Self::SetAside => "cannot be published: an operator must fix it",
            Self::NoQueue => "the listener's queue does not exist: run `signalbox topology apply`",
            Self::NoWorker => "waits in its queue: no worker consumes it",
            Self::InQueue => "waits in its queue, or is being handled",
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
        for event in &self.events {
            write!(f, "{event}")?;
        }
        if self.events.is_empty() {
            writeln!(f, "no event: none was recorded, or it was pruned (EVENTS_OUTBOX_H)")?;
        }
        for queue in &self.not_seen_through {
            writeln!(f, "{queue} holds more messages than were read")?;
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
            (None, _) => writeln!(f, "  in no outbox, or pruned from it")?,
            (Some(recorded), None) if self.set_aside.is_some() => {
                let why = self.set_aside.as_deref().map(harmless).unwrap_or_default();
                writeln!(f, "  recorded {recorded}, set aside: {why}")?;
            }
            (Some(recorded), None) if self.has_reached_a_listener() => {
                writeln!(f, "  recorded {recorded}, published just now: its relay has not marked it yet")?;
            }
            (Some(recorded), None) => writeln!(f, "  recorded {recorded}, not published yet")?,
            (Some(recorded), Some(published)) => writeln!(f, "  recorded {recorded}, published {published}")?,
        }
        self.listeners.iter().try_for_each(|listener| write!(f, "{listener}"))
    }
}

impl fmt::Display for ListenerTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}: ", self.listener)?;
        match (&self.queue, self.applied_at, self.pending) {
            (_, Some(applied), _) => writeln!(f, "applied {applied}"),
            (Some(message), None, _) => write!(f, "{message}"),
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
