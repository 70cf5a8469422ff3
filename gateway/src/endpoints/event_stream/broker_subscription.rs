//! Brings every event that can be followed from the broker to the hub, and connects again when the line breaks.

use std::collections::{HashSet, VecDeque};

use amqp::{Backoff, Broker, Error, LiveSubscription};
use contracts::events::FOLLOWED;
use runtime::Shutdown;
use uuid::Uuid;

use crate::endpoints::event_stream::subscribers::Subscribers;

/// Of so many events it is known that they were shown: a relay may publish one twice.
const REMEMBERED: usize = 1_024;

/// Brings events in until a stop is asked for.
pub(crate) async fn run(broker: &Broker, hub: &Subscribers, stop: &Shutdown) {
    let mut backoff = Backoff::default();
    loop {
        let pumped = tokio::select! {
            () = stop.requested() => break,
            pumped = pump(broker, hub, &mut backoff) => pumped,
        };
        hub.end();
        tracing::warn!(error = %pumped, "no line for live events");
        tokio::select! {
            () = stop.requested() => break,
            () = tokio::time::sleep(backoff.pause()) => {}
        }
    }
    hub.end();
}

async fn pump(broker: &Broker, hub: &Subscribers, backoff: &mut Backoff) -> Error {
    let mut feed = match LiveSubscription::open(broker, &FOLLOWED).await {
        Ok(feed) => feed,
        Err(error) => return error,
    };
    backoff.reset();
    hub.begin();
    let mut recent = Recent::default();
    loop {
        match feed.next().await {
            Ok(event) if recent.is_new(event.meta.id) => hub.tell(event),
            Ok(_) => {}
            Err(error) => return error,
        }
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
