//! The subscribers of live events: hands each event to the streams of its owner.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amqp::LiveEvent;
use contracts::Code;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::http::problem::HttpError;

/// How many events may wait for a stream; one that falls further behind is disconnected.
const BEHIND: usize = 256;
/// How long the first subscriber waits for the binding at the broker, which takes milliseconds.
const BIND_TIMEOUT: Duration = Duration::from_secs(3);

/// All streams of this process.
pub(crate) struct Subscribers {
    per_user: usize,
    next_id: AtomicU64,
    state: Mutex<State>,
    /// Notified when the state changes.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// Whether there is a connection to the broker. It changes together with the subscribers: one that was added just when
    /// the connection is lost would have an unnoticed gap.
    connected: bool,
    /// Whether the broker sends events, which it does only while there are subscribers.
    bound: bool,
    by_owner: HashMap<String, Vec<Subscriber>>,
}

struct Subscriber {
    id: u64,
    events: mpsc::Sender<Arc<LiveEvent>>,
}

/// A subscription to a user's events; ends when dropped.
pub(crate) struct Subscription {
    subscribers: Arc<Subscribers>,
    owner: String,
    id: u64,
    events: mpsc::Receiver<Arc<LiveEvent>>,
}

impl Subscribers {
    /// Starts without subscribers; each user may have at most `per_user`.
    pub(crate) fn new(per_user: usize) -> Self {
        Self { per_user, next_id: AtomicU64::new(0), state: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Subscribes to the events of an owner.
    pub(crate) fn subscribe(self: &Arc<Self>, owner: &str) -> Result<Subscription, HttpError> {
        let mut state = self.lock();
        if !state.connected {
            return Err(unavailable());
        }
        let of_owner = state.by_owner.entry(owner.into()).or_default();
        if of_owner.len() >= self.per_user {
            let message = "You have too many live feeds open. Close one, then try again.";
            return Err(HttpError::new(Code::TooManyStreams, message));
        }
        let (id, (sender, events)) = (self.next_id.fetch_add(1, Ordering::Relaxed), mpsc::channel(BEHIND));
        of_owner.push(Subscriber { id, events: sender });
        self.changed.send_replace(());
        Ok(Subscription { subscribers: Arc::clone(self), owner: owner.into(), id, events })
    }

    /// Hands an event to the streams of its owner. A stream that does not keep up is disconnected: it ends once it has sent
    /// the events that it has.
    pub(crate) fn publish(&self, event: LiveEvent) {
        let mut state = self.lock();
        let Some(of_owner) = event.meta.owner.as_ref().and_then(|owner| state.by_owner.get_mut(owner)) else {
            return;
        };
        let event = Arc::new(event);
        of_owner.retain(|subscriber| subscriber.events.try_send(Arc::clone(&event)).is_ok());
    }

    /// Records that there is a connection to the broker.
    pub(crate) fn connected(&self) {
        self.lock().connected = true;
        self.changed.send_replace(());
    }

    /// Waits until the binding at the broker must change; returns whether it is needed. A subscriber that is added once it is
    /// no longer needed waits until it is back.
    pub(crate) async fn binding_change(&self) -> bool {
        let mut changed = self.changed.subscribe();
        loop {
            {
                let mut state = self.lock();
                let needed = !state.by_owner.is_empty();
                if needed != state.bound {
                    state.bound = false;
                    return needed;
                }
            }
            // The sender lives as long as `self`, so this never fails.
            let _ = changed.changed().await;
        }
    }

    /// Records that the broker sends events.
    pub(crate) fn bound(&self) {
        self.lock().bound = true;
        self.changed.send_replace(());
    }

    /// Waits until the broker sends events.
    pub(crate) async fn until_bound(&self) -> Result<(), HttpError> {
        let mut changed = self.changed.subscribe();
        let bound = async {
            loop {
                {
                    let state = self.lock();
                    if state.bound || !state.connected {
                        return state.bound;
                    }
                }
                let _ = changed.changed().await;
            }
        };
        let bound = timeout(BIND_TIMEOUT, bound).await.unwrap_or(false);
        bound.then_some(()).ok_or_else(unavailable)
    }

    /// Records that the connection is lost. Every stream would have a gap, so all of them end.
    pub(crate) fn disconnected(&self) {
        *self.lock() = State::default();
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable() -> HttpError {
    HttpError::new(Code::BrokerUnavailable, "The broker cannot be reached: no live events are available.")
}

impl Subscription {
    /// The next event; `None` if this stream was disconnected, or the connection to the broker is lost.
    pub(crate) async fn next(&mut self) -> Option<Arc<LiveEvent>> {
        self.events.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.subscribers.lock();
        if let Some(of_owner) = state.by_owner.get_mut(&self.owner) {
            of_owner.retain(|subscriber| subscriber.id != self.id);
            if of_owner.is_empty() {
                state.by_owner.remove(&self.owner);
            }
        }
        self.subscribers.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use amqp::EventMetadata;
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn connected() -> Arc<Subscribers> {
        let subscribers = Arc::new(Subscribers::new(2));
        subscribers.connected();
        subscribers
    }

    fn event(owner: &str) -> LiveEvent {
        let (id, owner) = (Uuid::now_v7(), Some(owner.into()));
        let meta = EventMetadata { id, owner, request_id: None, traceparent: None, sequence: None };
        LiveEvent { meta, name: "order.created".into(), data: "{}".into() }
    }

    #[tokio::test]
    async fn an_event_goes_to_all_streams_of_its_owner_and_to_no_other() {
        let subscribers = connected();
        let (mut one, mut two, mut other) = (
            subscribers.subscribe("a").unwrap(),
            subscribers.subscribe("a").unwrap(),
            subscribers.subscribe("b").unwrap(),
        );
        subscribers.publish(event("a"));
        assert!(one.next().await.is_some() && two.next().await.is_some());
        assert!(other.events.try_recv().is_err());
    }

    #[test]
    fn a_user_has_a_limit_and_ended_subscriptions_do_not_count() {
        let subscribers = connected();
        let (one, _two) = (subscribers.subscribe("a").unwrap(), subscribers.subscribe("a").unwrap());
        assert_eq!(subscribers.subscribe("a").err().unwrap().code(), Code::TooManyStreams);
        drop(one);
        assert!(subscribers.subscribe("a").is_ok());
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_disconnected_and_delays_nobody() {
        let subscribers = connected();
        let mut slow = subscribers.subscribe("a").unwrap();
        (0..=BEHIND).for_each(|_| subscribers.publish(event("a")));
        for _ in 0..BEHIND {
            assert!(slow.next().await.is_some());
        }
        assert!(slow.next().await.is_none());
    }

    #[tokio::test]
    async fn the_binding_exists_while_there_are_subscribers_and_a_late_one_waits_for_it() {
        let subscribers = connected();
        let one = subscribers.subscribe("a").unwrap();
        assert!(subscribers.until_bound().now_or_never().is_none());
        assert!(subscribers.binding_change().await);
        subscribers.bound();
        assert!(subscribers.until_bound().await.is_ok() && subscribers.binding_change().now_or_never().is_none());
        drop(one);
        assert!(!subscribers.binding_change().await);
        // The binding is being removed; this subscriber must not assume that events still arrive.
        let _two = subscribers.subscribe("b").unwrap();
        assert!(subscribers.until_bound().now_or_never().is_none());
        assert!(subscribers.binding_change().await);
        subscribers.disconnected();
        assert_eq!(subscribers.until_bound().await.err().unwrap().code(), Code::BrokerUnavailable);
    }

    #[tokio::test]
    async fn all_streams_end_when_the_connection_is_lost() {
        let subscribers = connected();
        let mut one = subscribers.subscribe("a").unwrap();
        subscribers.disconnected();
        assert!(one.next().await.is_none());
        assert_eq!(subscribers.subscribe("a").err().unwrap().code(), Code::BrokerUnavailable);
    }
}
