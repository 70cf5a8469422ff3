//! One client's stream: what it has missed, then what comes, a heartbeat where nothing comes, and its end.

use std::collections::HashSet;
use std::time::Duration;

use contracts::orders::EventPage;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Bytes;
use runtime::Shutdown;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::endpoints::event_stream::subscribers::Subscription;

/// After this many pages of what was missed the stream ends; the client comes again and goes on from there.
const PAGES: usize = 50;
/// A client that is told what it missed may take this long to read any of it.
const READ: Duration = Duration::from_secs(10);
/// When the stream ends the client should come again after this long, in milliseconds.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// What a stream is made of.
pub(crate) struct Stream {
    pub(crate) pieces: mpsc::Sender<Bytes>,
    pub(crate) following: Subscription,
    /// Resolves when the client may follow no longer, and says why.
    pub(crate) lapse: BoxFuture<'static, &'static str>,
    pub(crate) heartbeat: Duration,
    pub(crate) stop: Shutdown,
    pub(crate) request_id: String,
}

impl Stream {
    /// Sends until something ends it. `first` is the first page of what was missed, `more` asks for the next.
    pub(crate) async fn run(mut self, first: Option<EventPage>, more: impl AsyncFn(Uuid) -> Option<EventPage>) {
        let why = self.send(first, more).await;
        tracing::info!(request_id = self.request_id, reason = why, "feed ended");
    }

    async fn send(&mut self, first: Option<EventPage>, more: impl AsyncFn(Uuid) -> Option<EventPage>) -> &'static str {
        if self.pieces.try_send(Bytes::from_static(RETRY)).is_err() {
            return "the client left";
        }
        let stop = self.stop.clone();
        let lapse = std::mem::replace(&mut self.lapse, std::future::pending().boxed());
        tokio::select! {
            why = async {
                match self.catch_up(first, more).await {
                    Ok(told) => self.follow(told).await,
                    Err(why) => why,
                }
            } => why,
            why = lapse => why,
            () = stop.requested() => "stopping",
        }
    }

    /// Sends what was missed; the ids of it, for some of that may come live as well.
    async fn catch_up(
        &mut self,
        first: Option<EventPage>,
        more: impl AsyncFn(Uuid) -> Option<EventPage>,
    ) -> Result<HashSet<Uuid>, &'static str> {
        let (mut told, mut next) = (HashSet::new(), first);
        for _ in 0..PAGES {
            let Some(page) = next else { return Ok(told) };
            let last = page.items.last().map(|event| event.id);
            for event in page.items {
                told.insert(event.id);
                let piece = piece(event.id, &event.name, event.data.get());
                match timeout(READ, self.pieces.send(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err("the client left"),
                    Err(_) => return Err("the client reads too slowly"),
                }
            }
            next = match last.filter(|_| page.more) {
                Some(last) => Some(more(last).await.ok_or("what was missed cannot be had")?),
                None => None,
            };
        }
        if next.is_none() { Ok(told) } else { Err("more was missed than one stream tells") }
    }

    /// Sends what comes, but for what was told already: a relay that lags publishes that much later, however long it takes.
    async fn follow(&mut self, told: HashSet<Uuid>) -> &'static str {
        let mut heartbeat = interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            let piece = tokio::select! {
                event = self.following.next() => match event {
                    Some(event) if told.contains(&event.meta.id) => continue,
                    Some(event) => piece(event.meta.id, &event.name, &event.data),
                    None => return "cut: too slow, or no events come in",
                },
                _ = heartbeat.tick() => Bytes::from_static(b":\n\n"),
            };
            match self.pieces.try_send(piece) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => return "the client reads too slowly",
                Err(mpsc::error::TrySendError::Closed(_)) => return "the client left",
            }
        }
    }
}

/// An event as it goes over the wire. Lines of data end up as lines of data: a bare line feed would end the field.
fn piece(id: Uuid, name: &str, data: &str) -> Bytes {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut piece = format!("id: {id}\nevent: {name}\n");
    for line in data.split(['\n', '\r']) {
        piece.push_str("data: ");
        piece.push_str(line);
        piece.push('\n');
    }
    piece.push('\n');
    piece.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use amqp::{EventMetadata, LiveEvent};
    use contracts::orders::RecordedEvent;
    use serde_json::value::RawValue;

    use super::*;
    use crate::endpoints::event_stream::subscribers::Subscribers;

    #[tokio::test]
    async fn what_was_told_as_missed_is_not_told_again_however_late_it_is_published() {
        let event = |title: &str| {
            let meta =
                EventMetadata { id: Uuid::now_v7(), owner: Some("a".into()), request_id: None, traceparent: None };
            LiveEvent { meta, name: "order.created".into(), data: format!("{title:?}") }
        };
        let (late, fresh) = (event("late"), event("fresh"));
        let missed = RecordedEvent {
            id: late.meta.id,
            name: late.name.clone(),
            data: RawValue::from_string(late.data.clone()).unwrap(),
        };
        let hub = Arc::new(Subscribers::new(1));
        hub.begin();
        let (pieces, mut sent) = mpsc::channel(64);
        let mut stream = Stream {
            pieces,
            following: hub.follow("a").unwrap(),
            lapse: std::future::pending().boxed(),
            heartbeat: Duration::from_millis(1),
            stop: Shutdown::default(),
            request_id: "r".into(),
        };
        let sending = stream.send(Some(EventPage { items: vec![missed], more: false }), async |_| None);
        let reading = async {
            let mut events = Vec::new();
            let mut later = Some((late, fresh));
            while events.len() < 2 {
                let piece = String::from_utf8(sent.recv().await.unwrap().to_vec()).unwrap();
                if piece.starts_with("id: ") {
                    events.push(piece);
                } else if let Some((late, fresh)) = later.take_if(|_| piece.starts_with(':')) {
                    // Only now, after a heartbeat, does the relay publish what was told.
                    hub.tell(late);
                    hub.tell(fresh);
                }
            }
            events
        };
        let events = tokio::select! { why = sending => panic!("{why}"), events = reading => events };
        assert!(events[0].contains("late") && events[1].contains("fresh"), "{events:?}");
    }

    #[test]
    fn an_event_is_written_as_the_standard_says() {
        let written = piece(Uuid::nil(), "order.created\nid: 7", "{\n\"a\":1}");
        let expected =
            "id: 00000000-0000-0000-0000-000000000000\nevent: order.createdid: 7\ndata: {\ndata: \"a\":1}\n\n";
        assert_eq!(written, expected);
    }
}
