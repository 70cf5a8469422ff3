//! Brings every event that can be followed from the broker to the subscribers, and connects again when the line breaks.

use std::collections::{HashSet, VecDeque};
use std::future::pending;

use amqp::{Broker, Error, LiveSubscription};
use contracts::events::FOLLOWED;
use runtime::{Backoff, Shutdown, Supervised, supervise};
use uuid::Uuid;

use crate::endpoints::event_stream::subscribers::Subscribers;

/// Of so many events without a number it is known that they were shown: whoever published them may do so twice.
const REMEMBERED: usize = 1_024;

/// Brings events in until a stop is requested.
pub(crate) async fn run(broker: &Broker, subscribers: &Subscribers, stop: &Shutdown) {
    let mut incoming = Incoming { broker, subscribers };
    tokio::select! {
        // It never gives up: streams are not all that a gateway does.
        _ = supervise(&mut incoming, pending()) => {}
        () = stop.requested() => {}
    }
    subscribers.end();
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
        self.subscribers.begin();
        let mut recent = Recent::default();
        loop {
            let event = tokio::select! {
                event = feed.next() => event?,
                wanted = self.subscribers.turn() => {
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
                self.subscribers.tell(event);
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        self.subscribers.end();
        tracing::warn!(error = %error, "no line for live events");
    }
}

/// The last events that were shown.
#[derive(Default)]
struct Recent {
    known: HashSet<Uuid>,
    in_order: VecDeque<Uuid>,
}

impl Recent {
    fn is_new(&mut self, id: Uuid) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        self.in_order.push_back(id);
        if self.in_order.len() > REMEMBERED
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
    fn an_event_that_comes_twice_is_known_and_memory_is_bounded() {
        let mut recent = Recent::default();
        let first = Uuid::now_v7();
        assert!(recent.is_new(first) && !recent.is_new(first));
        (0..REMEMBERED).for_each(|_| assert!(recent.is_new(Uuid::now_v7())));
        assert!(recent.is_new(first) && recent.known.len() == REMEMBERED);
    }
}
