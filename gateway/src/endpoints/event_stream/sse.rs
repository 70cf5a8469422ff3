//! One client's stream: what it has missed, then what comes, a heartbeat where nothing comes, and its end.

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
const RETRY: &str = "retry: 1000\n";

/// What a stream is made of.
pub(crate) struct Stream {
    pub(crate) pieces: mpsc::Sender<Bytes>,
    pub(crate) following: Subscription,
    /// Resolves when the client may follow no longer, and says why.
    pub(crate) lapse: BoxFuture<'static, &'static str>,
    pub(crate) heartbeat: Duration,
    pub(crate) stop: Shutdown,
    pub(crate) request_id: String,
    /// Whether the client has seen nothing before.
    pub(crate) is_new: bool,
}

impl Stream {
    /// Sends until something ends it. `first` is the first page of what was missed, `more` asks for the next.
    pub(crate) async fn run(mut self, first: EventPage, more: impl AsyncFn(Uuid) -> Option<EventPage>) {
        let why = self.send(first, more).await;
        tracing::info!(request_id = self.request_id, reason = why, "feed ended");
    }

    async fn send(&mut self, first: EventPage, more: impl AsyncFn(Uuid) -> Option<EventPage>) -> &'static str {
        if self.pieces.try_send(self.beginning(&first)).is_err() {
            return "the client left";
        }
        let stop = self.stop.clone();
        let lapse = std::mem::replace(&mut self.lapse, std::future::pending().boxed());
        tokio::select! {
            why = async {
                match self.catch_up(first, more).await {
                    Ok(last) => self.follow(last).await,
                    Err(why) => why,
                }
            } => why,
            why = lapse => why,
            () = stop.requested() => "stopping",
        }
    }

    /// What every stream begins with. One that is new names the place where it begins: an id without data is no event, and
    /// the client comes back with it all the same.
    fn beginning(&self, first: &EventPage) -> Bytes {
        if !self.is_new {
            return format!("{RETRY}\n").into();
        }
        let place = first.last.map_or(Uuid::nil(), |last| last.id);
        format!("{RETRY}id: {place}\n\n").into()
    }

    /// Sends what was missed; the number of the last event told.
    async fn catch_up(
        &mut self,
        first: EventPage,
        more: impl AsyncFn(Uuid) -> Option<EventPage>,
    ) -> Result<i64, &'static str> {
        let mut page = first;
        for _ in 0..PAGES {
            for event in &page.items {
                let piece = piece(event.id, &event.name, event.data.get());
                match timeout(READ, self.pieces.send(piece)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err("the client left"),
                    Err(_) => return Err("the client reads too slowly"),
                }
            }
            match page.items.last().filter(|_| page.more) {
                Some(last) => page = more(last.id).await.ok_or("what was missed cannot be had")?,
                None => return Ok(page.last.map_or(0, |last| last.sequence)),
            }
        }
        Err("more was missed than one stream tells")
    }

    /// Sends what comes, but for what was told already: a relay publishes again what it is not certain of, and some of what
    /// was missed comes live as well.
    async fn follow(&mut self, mut last: i64) -> &'static str {
        let mut heartbeat = interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        loop {
            let piece = tokio::select! {
                event = self.following.next() => match event {
                    Some(event) if event.meta.sequence.is_some_and(|sequence| sequence <= last) => continue,
                    Some(event) => {
                        last = event.meta.sequence.unwrap_or(last);
                        piece(event.meta.id, &event.name, &event.data)
                    }
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
        let hub = Arc::new(Subscribers::new(1));
        hub.begin();
        let (pieces, sent) = mpsc::channel(64);
        let stream = Stream {
            pieces,
            following: hub.follow("a").unwrap(),
            lapse: std::future::pending().boxed(),
            heartbeat: Duration::from_millis(1),
            stop: Shutdown::default(),
            request_id: "r".into(),
            is_new: false,
        };
        (hub, stream, sent)
    }

    fn page(items: &[i64], last: i64) -> EventPage {
        let recorded = |sequence: &i64| {
            let LiveEvent { meta, name, data } = event(*sequence);
            RecordedEvent { id: meta.id, name, data: RawValue::from_string(data).unwrap() }
        };
        let last = Place { id: event(last).meta.id, sequence: last };
        EventPage { items: items.iter().map(recorded).collect(), more: false, last: Some(last) }
    }

    /// What a stream shows that was told `first`, and then `live` in the order of publication.
    async fn shown(first: EventPage, live: &[i64]) -> Vec<String> {
        const END: i64 = 1_000;
        let (hub, mut stream, mut sent) = stream();
        let sending = stream.send(first, async |_| None);
        let reading = async {
            let (mut events, mut told) = (Vec::new(), false);
            loop {
                let piece = String::from_utf8(sent.recv().await.unwrap().to_vec()).unwrap();
                match piece.split_once("data: ") {
                    Some((_, "1000\n\n")) => return events,
                    Some((_, data)) => events.push(data.trim().to_owned()),
                    // The first heartbeat: what was missed is sent.
                    None if piece.starts_with(':') && !told => {
                        live.iter().chain([&END]).for_each(|sequence| hub.tell(event(*sequence)));
                        told = true;
                    }
                    None => {}
                }
            }
        };
        tokio::select! { why = sending => panic!("{why}"), events = reading => events }
    }

    #[tokio::test]
    async fn what_was_told_is_not_told_again_however_late_and_however_often_it_is_published() {
        assert_eq!(shown(page(&[5, 6], 6), &[5, 6, 7]).await, ["5", "6", "7"]);
        assert_eq!(shown(page(&[], 6), &[4, 5, 6, 7, 8, 7, 8, 9]).await, ["7", "8", "9"]);
    }

    #[test]
    fn a_new_stream_begins_with_the_place_where_it_begins() {
        let (_hub, mut stream, _sent) = stream();
        assert_eq!(stream.beginning(&page(&[], 6)), "retry: 1000\n\n");
        stream.is_new = true;
        let id = event(6).meta.id;
        assert_eq!(stream.beginning(&page(&[], 6)), format!("retry: 1000\nid: {id}\n\n"));
        let none = EventPage { last: None, ..page(&[], 6) };
        assert_eq!(stream.beginning(&none), format!("retry: 1000\nid: {}\n\n", Uuid::nil()));
    }

    #[test]
    fn an_event_is_written_as_the_standard_says() {
        let written = piece(Uuid::nil(), "order.created\nid: 7", "{\n\"a\":1}");
        let expected =
            "id: 00000000-0000-0000-0000-000000000000\nevent: order.createdid: 7\ndata: {\ndata: \"a\":1}\n\n";
        assert_eq!(written, expected);
    }
}
