//! The live feed: a user's own events, as server-sent events (WHATWG HTML, section 9.2), as they are published.
//!
//! One connection to the broker brings all events to this process (`broker_subscription`); each goes to the streams of its owner
//! (`subscribers`); a stream sends what its client has missed, then what comes, until something ends it (`sse`). Nothing waits
//! for a slow reader: its stream is closed, it reconnects, and is told what it has missed. Each event has a number that grows with
//! publication, so a stream leaves out what is not above the last it has sent: no gap and no repetition, whatever the
//! clocks say and however often a relay publishes.

mod broker_subscription;
mod sse;
mod subscribers;

use std::sync::Arc;
use std::time::Duration;

use amqp::{Broker, RequestMetadata, RpcClient};
use contracts::orders::EventPage;
use contracts::{Code, Invalid};
use futures_util::future::BoxFuture;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response};
use runtime::Shutdown;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::auth::caller::Caller;
use crate::endpoints::event_stream::sse::Stream;
use crate::endpoints::event_stream::subscribers::Subscribers;
use crate::endpoints::rpc::response;
use crate::http::problem::HttpError;
use crate::http::request_headers::only;
use crate::http::response_body::Body;

pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Pieces that may wait for a client to read them; a piece is an event or a heartbeat.
const UNREAD: usize = 64;

/// All event streams of this process.
pub(crate) struct EventStreams {
    subscribers: Arc<Subscribers>,
    rpc: Arc<RpcClient>,
    heartbeat: Duration,
    patience: Duration,
    stop: Shutdown,
    streams: TaskTracker,
}

/// The bounds of event streams.
pub(crate) struct EventStreamSettings {
    /// Feeds that one user may have open at a time.
    pub(crate) per_user: usize,
    /// After this much silence a comment is sent.
    pub(crate) heartbeat: Duration,
    /// How long it may take to ask for what was missed.
    pub(crate) patience: Duration,
}

/// What a client has seen, and the question for what it has not.
pub(crate) struct Missed {
    /// The pattern that knows.
    pub(crate) pattern: &'static str,
    /// The last event seen; where none was, the feed begins after the last that there is.
    pub(crate) after: Option<Uuid>,
}

impl EventStreams {
    /// Starts with no streams.
    pub(crate) fn new(settings: &EventStreamSettings, rpc: Arc<RpcClient>, stop: Shutdown) -> Self {
        Self {
            subscribers: Arc::new(Subscribers::new(settings.per_user)),
            rpc,
            heartbeat: settings.heartbeat,
            patience: settings.patience,
            stop,
            streams: TaskTracker::new(),
        }
    }

    /// Brings events in until a stop is asked for.
    pub(crate) async fn run(&self, broker: &Broker) {
        broker_subscription::run(broker, &self.subscribers, &self.stop).await;
    }

    /// Opens a stream. What was missed is asked for first, so that a failure is still an answer and not a torn stream.
    /// `lapse` resolves when the caller loses access.
    pub(crate) async fn open(
        &self,
        caller: Caller,
        lapse: BoxFuture<'static, &'static str>,
        missed: Missed,
        meta: RequestMetadata,
    ) -> Result<Response<Body>, HttpError> {
        let following = self.subscribers.follow(&caller.id)?;
        // First events come in, then it is asked what was missed: nothing falls between.
        self.subscribers.until_bound().await?;
        let (pieces, body) = mpsc::channel(UNREAD);
        // Asked for even if nothing can be missed: a stream that breaks before its first event must be resumed from a place.
        let first = missed_after(&self.rpc, missed.pattern, missed.after.unwrap_or(Uuid::max()), &meta).await?;
        let stream = Stream {
            pieces,
            following,
            lapse,
            heartbeat: self.heartbeat,
            stop: self.stop.clone(),
            request_id: meta.request_id.clone(),
            is_new: missed.after.is_none(),
        };
        let (rpc, patience) = (Arc::clone(&self.rpc), self.patience);
        let more = async move |after| missed_after(&rpc, missed.pattern, after, &meta.renewed(patience)).await.ok();
        self.streams.spawn(stream.run(first, more));
        Ok(response(body))
    }
}

/// Asks for a page of what was missed. Who follows a stream comes again by itself, so this waits for no worker.
async fn missed_after(
    rpc: &RpcClient,
    pattern: &str,
    after: Uuid,
    meta: &RequestMetadata,
) -> Result<EventPage, HttpError> {
    let malformed =
        |error| HttpError::new(Code::BadReply, "The service answered with something else than events.").because(error);
    let question = to_raw_value(&serde_json::json!({ "after": after })).expect("an id always serialises");
    match rpc.call(pattern, &question, meta, None).await {
        Ok(Ok(page)) => serde_json::from_str(page.get()).map_err(malformed),
        Ok(Err(fault)) => Err(fault.into()),
        Err(error) => Err(response::failure(&error, true)),
    }
}

#[derive(Deserialize)]
struct Query {
    after: Option<Uuid>,
}

/// The last event that the client has seen: the header that browsers send by themselves when they come again, else
/// `after` in the query.
pub(crate) fn last_seen(headers: &HeaderMap, query: &RawValue) -> Result<Option<Uuid>, HttpError> {
    const RULE: &str = "must be the id of an event of this feed";
    if headers.contains_key(LAST_EVENT_ID) {
        let id = only(headers, &LAST_EVENT_ID).and_then(|id| Uuid::try_parse_ascii(id.as_bytes()).ok());
        return id.map(Some).ok_or_else(|| Invalid::field("Last-Event-ID", RULE).into());
    }
    let query: Query = serde_json::from_str(query.get()).map_err(|_| Invalid::field("after", RULE))?;
    Ok(query.after)
}

fn response(pieces: mpsc::Receiver<hyper::body::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Stream(pieces));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would gather what should go out at once.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
