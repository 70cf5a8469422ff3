//! The gateway's subscription at the broker: hands events to the subscribers, and reconnects when the connection breaks.

use std::collections::{HashSet, VecDeque};
use std::future::pending;

use amqp::{Broker, Error, LiveSubscription};
use contracts::events::FOLLOWED;
use runtime::{Backoff, Shutdown, Supervised, supervise};
use uuid::Uuid;

use crate::endpoints::event_stream::subscribers::Subscribers;

/// How many ids of events without a sequence number are kept to detect duplicates.
const KEPT_IDS: usize = 1_024;

/// Delivers events until a stop is requested.
pub(crate) async fn run(broker: &Broker, subscribers: &Subscribers, stop: &Shutdown) {
    let mut incoming = Incoming { broker, subscribers };
    tokio::select! {
        // Never gives up: the gateway's other endpoints work without it.
        _ = supervise(&mut incoming, pending()) => {}
        () = stop.requested() => {}
    }
    subscribers.disconnected();
}

struct Incoming<'a> {
    broker: &'a Broker,
    subscribers: &'a Subscribers,
}

impl Supervised for Incoming<'_> {
    type Connection = LiveSubscription;
    type Error = Error;

    async fn connect(&mut self) -> Result<LiveSubscription, Error> {
        LiveSubscription::open(self.broker, &FOLLOWED).await
    }

    async fn serve(&mut self, mut feed: LiveSubscription, backoff: &mut Backoff) -> Result<(), Error> {
        backoff.reset();
        self.subscribers.connected();
        let mut recent = RecentIds::default();
        loop {
            let event = tokio::select! {
                event = feed.next() => event?,
                wanted = self.subscribers.binding_change() => {
                    if wanted {
                        feed.bind().await?;
                        self.subscribers.bound();
                    } else {
                        feed.unbind().await?;
                    }
                    continue;
                }
            };
            if event.meta.sequence.is_some() || recent.is_new(event.meta.id) {
                self.subscribers.publish(event);
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        self.subscribers.disconnected();
        tracing::warn!(error = %error, "no connection for live events");
    }
}

/// The ids of the latest events.
#[derive(Default)]
struct RecentIds {
    known: HashSet<Uuid>,
    in_order: VecDeque<Uuid>,
}

impl RecentIds {
    fn is_new(&mut self, id: Uuid) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.in_order.push_back(id);
        if self.in_order.len() > KEPT_IDS
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_detected_and_memory_is_bounded() {
        let mut recent = RecentIds::default();
        let first = Uuid::now_v7();
        assert!(recent.is_new(first) && !recent.is_new(first));
        (0..KEPT_IDS).for_each(|_| assert!(recent.is_new(Uuid::now_v7())));
        assert!(recent.is_new(first) && recent.known.len() == KEPT_IDS);
    }
}
