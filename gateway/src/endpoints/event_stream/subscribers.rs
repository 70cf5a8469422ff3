//! Who follows whose events: hands each event to the streams of its owner.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amqp::LiveEvent;
use contracts::Code;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::http::problem::HttpError;

/// Events that may wait for a stream; a stream that falls further behind is cut.
const BEHIND: usize = 256;
/// How long it may take until events come in for the first who follows; the broker answers in milliseconds or not at all.
const PATIENCE: Duration = Duration::from_secs(3);

/// All streams of this process.
pub(crate) struct Subscribers {
    per_user: usize,
    next_id: AtomicU64,
    followers: Mutex<Followers>,
    /// Told when anything of it changes that somebody waits for.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Followers {
    /// Whether events come in at all. It changes together with the followers: nobody is taken in just when the line is
    /// lost, who would have a gap and not be told.
    connected: bool,
    /// Whether the broker sends events, which it does while somebody follows.
    bound: bool,
    by_owner: HashMap<String, Vec<Follower>>,
}

struct Follower {
    id: u64,
    events: mpsc::Sender<Arc<LiveEvent>>,
}

/// A place among a user's streams, until it is dropped.
pub(crate) struct Subscription {
    hub: Arc<Subscribers>,
    owner: String,
    id: u64,
    events: mpsc::Receiver<Arc<LiveEvent>>,
}

impl Subscribers {
    /// No streams yet, and at most so many for each user.
    pub(crate) fn new(per_user: usize) -> Self {
        Self { per_user, next_id: AtomicU64::new(0), followers: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Takes a place among the owner's streams.
    pub(crate) fn follow(self: &Arc<Self>, owner: &str) -> Result<Subscription, HttpError> {
        let mut followers = self.lock();
        if !followers.connected {
            return Err(HttpError::new(Code::BrokerUnavailable, "The broker cannot be reached: no events come in."));
        }
        let of_owner = followers.by_owner.entry(owner.into()).or_default();
        if of_owner.len() >= self.per_user {
            return Err(HttpError::new(Code::TooManyStreams, "You follow your events too many times at once."));
        }
        let (id, (sender, events)) = (self.next_id.fetch_add(1, Ordering::Relaxed), mpsc::channel(BEHIND));
        of_owner.push(Follower { id, events: sender });
        self.changed.send_replace(());
        Ok(Subscription { hub: Arc::clone(self), owner: owner.into(), id, events })
    }

    /// Hands an event on. Who does not keep up is cut: its stream ends when it has sent what it has.
    pub(crate) fn tell(&self, event: LiveEvent) {
        let mut followers = self.lock();
        let Some(of_owner) = event.meta.owner.as_ref().and_then(|owner| followers.by_owner.get_mut(owner)) else {
            return;
        };
        let event = Arc::new(event);
        of_owner.retain(|follower| follower.events.try_send(Arc::clone(&event)).is_ok());
    }

    /// There is a connection from now on.
    pub(crate) fn begin(&self) {
        self.lock().connected = true;
        self.changed.send_replace(());
    }

    /// Waits until events should come in, and do not, or the other way round. Whoever follows from the moment on at which
    /// they should not waits until they do again.
    pub(crate) async fn turn(&self) -> bool {
        let mut changed = self.changed.subscribe();
        loop {
            {
                let mut followers = self.lock();
                let wanted = !followers.by_owner.is_empty();
                if wanted != followers.bound {
                    followers.bound = false;
                    return wanted;
                }
            }
            // The sender is ours, so it never ends.
            let _ = changed.changed().await;
        }
    }

    /// The broker sends events from now on.
    pub(crate) fn bound(&self) {
        self.lock().bound = true;
        self.changed.send_replace(());
    }

    /// Waits until events come in.
    pub(crate) async fn until_bound(&self) -> Result<(), HttpError> {
        let unavailable =
            || HttpError::new(Code::BrokerUnavailable, "The broker cannot be reached: no events come in.");
        let mut changed = self.changed.subscribe();
        let bound = async {
            loop {
                {
                    let followers = self.lock();
                    if followers.bound || !followers.connected {
                        return followers.bound;
                    }
                }
                let _ = changed.changed().await;
            }
        };
        let bound = timeout(PATIENCE, bound).await.unwrap_or(false);
        bound.then_some(()).ok_or_else(unavailable)
    }

    /// No events come in any more: every stream has a gap from here on, and ends.
    pub(crate) fn end(&self) {
        *self.lock() = Followers::default();
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Followers> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// The next event; `None` when this stream is cut, or no events come in any more.
    pub(crate) async fn next(&mut self) -> Option<Arc<LiveEvent>> {
        self.events.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut followers = self.hub.lock();
        if let Some(of_owner) = followers.by_owner.get_mut(&self.owner) {
            of_owner.retain(|follower| follower.id != self.id);
            if of_owner.is_empty() {
                followers.by_owner.remove(&self.owner);
            }
        }
        self.hub.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use amqp::EventMetadata;
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    fn hub() -> Arc<Subscribers> {
        let hub = Arc::new(Subscribers::new(2));
        hub.begin();
        hub
    }

    fn event(owner: &str) -> LiveEvent {
        let (id, owner) = (Uuid::now_v7(), Some(owner.into()));
        let meta = EventMetadata { id, owner, request_id: None, traceparent: None, sequence: None };
        LiveEvent { meta, name: "order.created".into(), data: "{}".into() }
    }

    #[tokio::test]
    async fn an_event_goes_to_all_streams_of_its_owner_and_to_no_other() {
        let hub = hub();
        let (mut one, mut two, mut other) =
            (hub.follow("a").unwrap(), hub.follow("a").unwrap(), hub.follow("b").unwrap());
        hub.tell(event("a"));
        assert!(one.next().await.is_some() && two.next().await.is_some());
        assert!(other.events.try_recv().is_err());
    }

    #[test]
    fn a_user_has_only_so_many_places_and_gets_them_back() {
        let hub = hub();
        let (one, _two) = (hub.follow("a").unwrap(), hub.follow("a").unwrap());
        assert_eq!(hub.follow("a").err().unwrap().code(), Code::TooManyStreams);
        drop(one);
        assert!(hub.follow("a").is_ok());
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_cut_and_holds_up_nobody() {
        let hub = hub();
        let mut slow = hub.follow("a").unwrap();
        (0..=BEHIND).for_each(|_| hub.tell(event("a")));
        for _ in 0..BEHIND {
            assert!(slow.next().await.is_some());
        }
        assert!(slow.next().await.is_none());
    }

    #[tokio::test]
    async fn events_come_in_while_somebody_follows_and_who_comes_as_they_end_waits_for_them() {
        let hub = hub();
        let one = hub.follow("a").unwrap();
        assert!(hub.until_bound().now_or_never().is_none());
        assert!(hub.turn().await);
        hub.bound();
        assert!(hub.until_bound().await.is_ok() && hub.turn().now_or_never().is_none());
        drop(one);
        assert!(!hub.turn().await);
        // The broker is being told; this one must not believe that events still come in.
        let _two = hub.follow("b").unwrap();
        assert!(hub.until_bound().now_or_never().is_none());
        assert!(hub.turn().await);
        hub.end();
        assert_eq!(hub.until_bound().await.err().unwrap().code(), Code::BrokerUnavailable);
    }

    #[tokio::test]
    async fn all_streams_end_when_no_events_come_in_any_more() {
        let hub = hub();
        let mut one = hub.follow("a").unwrap();
        hub.end();
        assert!(one.next().await.is_none());
        assert_eq!(hub.follow("a").err().unwrap().code(), Code::BrokerUnavailable);
    }
}
