//! The stream of a client: missed events, new events, heartbeats, and the encoder of server-sent events (SSE).

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

/// The most pages of missed events. After them the stream ends, and the client reconnects and continues.
const PAGES: usize = 50;
/// How long a client that catches up may take to read an event.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How soon a client should reconnect after the end of a stream, in milliseconds.
const RETRY: &str = "retry: 1000\n";

/// A stream.
pub(crate) struct Stream {
    pub(crate) chunks: mpsc::Sender<Bytes>,
    pub(crate) subscription: Subscription,
    /// Resolves, with the reason, when the client loses access.
    pub(crate) access_lost: BoxFuture<'static, &'static str>,
    pub(crate) heartbeat: Duration,
    pub(crate) stop: Shutdown,
    pub(crate) request_id: String,
    /// Whether the client has seen no event before.
    pub(crate) is_new: bool,
}

impl Stream {
    /// Sends events until something ends the stream. `first` is the first page of missed events, `more` requests the next.
    pub(crate) async fn run(mut self, first: EventPage, more: impl AsyncFn(Uuid) -> Option<EventPage>) {
        let reason = self.send(first, more).await;
        tracing::info!(request_id = self.request_id, reason, "feed ended");
    }

    async fn send(&mut self, first: EventPage, more: impl AsyncFn(Uuid) -> Option<EventPage>) -> &'static str {
        if self.chunks.try_send(self.preamble(&first)).is_err() {
            return "the client left";
        }
        let stop = self.stop.clone();
        let access_lost = std::mem::replace(&mut self.access_lost, std::future::pending().boxed());
        tokio::select! {
            reason = async {
                match self.catch_up(first, more).await {
                    Ok(last) => self.follow(last).await,
                    Err(reason) => reason,
                }
            } => reason,
            reason = access_lost => reason,
            () = stop.requested() => "stopping",
        }
    }

    /// The first chunk. For a new stream it contains the id of the latest event: an id without data is not an event, but the
    /// client sends it when it reconnects.
    fn preamble(&self, first: &EventPage) -> Bytes {
        if !self.is_new {
            return format!("{RETRY}\n").into();
        }
        let latest = first.last.map_or(Uuid::nil(), |last| last.id);
        format!("{RETRY}id: {latest}\n\n").into()
    }

    /// Sends missed events; returns the sequence number of the last one.
    async fn catch_up(
        &mut self,
        first: EventPage,
        more: impl AsyncFn(Uuid) -> Option<EventPage>,
    ) -> Result<i64, &'static str> {
        let mut page = first;
        for _ in 0..PAGES {
            for event in &page.items {
                let chunk = encode(event.id, &event.name, event.data.get());
                match timeout(READ_TIMEOUT, self.chunks.send(chunk)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err("the client left"),
                    Err(_) => return Err("the client reads too slowly"),
                }
            }
            match page.items.last().filter(|_| page.more) {
                Some(last) => page = more(last.id).await.ok_or("missed events are not available")?,
                None => return Ok(page.last.map_or(0, |last| last.sequence)),
            }
        }
        Err("more events were missed than one stream sends")
    }

    /// Sends new events. Skips those that were sent already: a relay may publish an event again, and some missed events also
    /// arrive live.
    async fn follow(&mut self, mut last: i64) -> &'static str {
        let mut heartbeat = interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            let chunk = tokio::select! {
                event = self.subscription.next() => match event {
                    Some(event) if event.meta.sequence.is_some_and(|sequence| sequence <= last) => continue,
                    Some(event) => {
                        last = event.meta.sequence.unwrap_or(last);
                        encode(event.meta.id, &event.name, &event.data)
                    }
                    None => return "disconnected: too slow, or no connection to the broker",
                },
                _ = heartbeat.tick() => Bytes::from_static(b":\n\n"),
            };
            match self.chunks.try_send(chunk) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => return "the client reads too slowly",
                Err(mpsc::error::TrySendError::Closed(_)) => return "the client left",
            }
        }
    }
}

/// Encodes a server-sent event. Each line of the data is a field of its own, because a line break ends a field.
fn encode(id: Uuid, name: &str, data: &str) -> Bytes {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut text = format!("id: {id}\nevent: {name}\n");
    for line in data.split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use amqp::{EventMetadata, LiveEvent};
    use contracts::orders::{Place, RecordedEvent};
    use serde_json::value::RawValue;

    use super::*;
    use crate::endpoints::event_stream::subscribers::Subscribers;

    fn event(sequence: i64) -> LiveEvent {
        let meta = EventMetadata {
            id: Uuid::from_u64_pair(7, sequence.unsigned_abs()),
            owner: Some("a".into()),
            request_id: None,
            traceparent: None,
            sequence: Some(sequence),
        };
        LiveEvent { meta, name: "order.created".into(), data: sequence.to_string() }
    }

    fn stream() -> (Arc<Subscribers>, Stream, mpsc::Receiver<Bytes>) {
        let subscribers = Arc::new(Subscribers::new(1));
        subscribers.connected();
        let (chunks, sent) = mpsc::channel(64);
        let stream = Stream {
            chunks,
            subscription: subscribers.subscribe("a").unwrap(),
            access_lost: std::future::pending().boxed(),
            heartbeat: Duration::from_millis(1),
            stop: Shutdown::default(),
            request_id: "r".into(),
            is_new: false,
        };
        (subscribers, stream, sent)
    }

    fn page(items: &[i64], last: i64) -> EventPage {
        let recorded = |sequence: &i64| {
            let LiveEvent { meta, name, data } = event(*sequence);
            RecordedEvent { id: meta.id, name, data: RawValue::from_string(data).unwrap() }
        };
        let last = Place { id: event(last).meta.id, sequence: last };
        EventPage { items: items.iter().map(recorded).collect(), more: false, last: Some(last) }
    }

    /// The events that a stream sends if it has missed `first` and then receives `live`.
    async fn sent(first: EventPage, live: &[i64]) -> Vec<String> {
        const END: i64 = 1_000;
        let (subscribers, mut stream, mut sent) = stream();
        let sending = stream.send(first, async |_| None);
        let reading = async {
            let (mut events, mut published) = (Vec::new(), false);
            loop {
                let chunk = String::from_utf8(sent.recv().await.unwrap().to_vec()).unwrap();
                match chunk.split_once("data: ") {
                    Some((_, "1000\n\n")) => return events,
                    Some((_, data)) => events.push(data.trim().to_owned()),
                    // The first heartbeat: the missed events are sent.
                    None if chunk.starts_with(':') && !published => {
                        live.iter().chain([&END]).for_each(|sequence| subscribers.publish(event(*sequence)));
                        published = true;
                    }
                    None => {}
                }
            }
        };
        tokio::select! { reason = sending => panic!("{reason}"), events = reading => events }
    }

    #[tokio::test]
    async fn no_event_is_sent_twice_however_late_and_often_it_is_published() {
        assert_eq!(sent(page(&[5, 6], 6), &[5, 6, 7]).await, ["5", "6", "7"]);
        assert_eq!(sent(page(&[], 6), &[4, 5, 6, 7, 8, 7, 8, 9]).await, ["7", "8", "9"]);
    }

    #[test]
    fn a_new_stream_starts_with_the_id_of_the_latest_event() {
        let (_subscribers, mut stream, _sent) = stream();
        assert_eq!(stream.preamble(&page(&[], 6)), "retry: 1000\n\n");
        stream.is_new = true;
        let id = event(6).meta.id;
        assert_eq!(stream.preamble(&page(&[], 6)), format!("retry: 1000\nid: {id}\n\n"));
        let none = EventPage { last: None, ..page(&[], 6) };
        assert_eq!(stream.preamble(&none), format!("retry: 1000\nid: {}\n\n", Uuid::nil()));
    }

    #[test]
    fn an_event_is_encoded_by_the_standard() {
        let encoded = encode(Uuid::nil(), "order.created\nid: 7", "{\n\"a\":1}");
        let expected =
            "id: 00000000-0000-0000-0000-000000000000\nevent: order.createdid: 7\ndata: {\ndata: \"a\":1}\n\n";
        assert_eq!(encoded, expected);
    }
}
