//! The live feed: a user's own events as server-sent events (WHATWG HTML, section 9.2).
//!
//! One subscription at the broker receives all events (`broker_subscription`) and hands each to the streams of its owner
//! (`subscribers`). A stream first sends the events that its client has missed, then new ones (`sse`). Nothing waits for a
//! slow reader: its stream is closed, and the client reconnects and catches up. Events have sequence numbers that increase
//! with publication, and a stream skips events that are not above the last one sent: no gap and no duplicate, whatever the
//! clocks are and however often a relay publishes.

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
/// How many chunks may wait for a client to read them; a chunk is an event or a heartbeat.
const UNREAD: usize = 64;

/// All event streams of this process.
pub(crate) struct EventStreams {
    subscribers: Arc<Subscribers>,
    rpc: Arc<RpcClient>,
    heartbeat: Duration,
    catch_up_timeout: Duration,
    stop: Shutdown,
    streams: TaskTracker,
}

/// The limits of event streams.
pub(crate) struct EventStreamSettings {
    /// The most streams that one user may have open.
    pub(crate) per_user: usize,
    /// After this much silence a comment is sent.
    pub(crate) heartbeat: Duration,
    /// How long a request for missed events may take.
    pub(crate) catch_up_timeout: Duration,
}

/// The position of a client in its events.
pub(crate) struct Missed {
    /// The pattern that returns missed events.
    pub(crate) pattern: &'static str,
    /// The last event seen; if none, the stream starts after the latest event.
    pub(crate) after: Option<Uuid>,
}

impl EventStreams {
    /// Starts with no streams.
    pub(crate) fn new(settings: &EventStreamSettings, rpc: Arc<RpcClient>, stop: Shutdown) -> Self {
        Self {
            subscribers: Arc::new(Subscribers::new(settings.per_user)),
            rpc,
            heartbeat: settings.heartbeat,
            catch_up_timeout: settings.catch_up_timeout,
            stop,
            streams: TaskTracker::new(),
        }
    }

    /// Delivers events until a stop is requested.
    pub(crate) async fn run(&self, broker: &Broker) {
        broker_subscription::run(broker, &self.subscribers, &self.stop).await;
    }

    /// Opens a stream. Missed events are requested first, so that a failure is an error response and not a broken stream.
    /// `access_lost` resolves when the caller loses access.
    pub(crate) async fn open(
        &self,
        caller: Caller,
        access_lost: BoxFuture<'static, &'static str>,
        missed: Missed,
        meta: RequestMetadata,
    ) -> Result<Response<Body>, HttpError> {
        let subscription = self.subscribers.subscribe(&caller.id)?;
        // Subscribe first, then request missed events, so that none is lost in between.
        self.subscribers.until_bound().await?;
        let (chunks, body) = mpsc::channel(UNREAD);
        // Requested even if nothing can be missed: a stream that breaks before its first event must be resumable.
        let first = missed_after(&self.rpc, missed.pattern, missed.after.unwrap_or(Uuid::max()), &meta).await?;
        let stream = Stream {
            chunks,
            subscription,
            access_lost,
            heartbeat: self.heartbeat,
            stop: self.stop.clone(),
            request_id: meta.request_id.clone(),
            is_new: missed.after.is_none(),
        };
        let (rpc, timeout) = (Arc::clone(&self.rpc), self.catch_up_timeout);
        let more = async move |after| missed_after(&rpc, missed.pattern, after, &meta.renewed(timeout)).await.ok();
        self.streams.spawn(stream.run(first, more));
        Ok(response(body))
    }
}

/// Requests a page of missed events. Clients of streams retry by themselves, so this does not wait for a worker.
async fn missed_after(
    rpc: &RpcClient,
    pattern: &str,
    after: Uuid,
    meta: &RequestMetadata,
) -> Result<EventPage, HttpError> {
    let malformed =
        |error| HttpError::new(Code::BadReply, "The service's reply is not a page of events.").because(error);
    let request = to_raw_value(&serde_json::json!({ "after": after })).expect("an id always serialises");
    match rpc.ask(pattern, &request, meta, None).await {
        Ok(Ok(page)) => serde_json::from_str(page.get()).map_err(malformed),
        Ok(Err(fault)) => Err(fault.into()),
        Err(error) => Err(response::failure(&error, true)),
    }
}

#[derive(Deserialize)]
struct Query {
    after: Option<Uuid>,
}

/// The last event that the client has seen: the header that browsers send when they reconnect, or else `after` in the query
/// string.
pub(crate) fn last_seen(headers: &HeaderMap, query: &RawValue) -> Result<Option<Uuid>, HttpError> {
    const RULE: &str = "must be the id of an event of this feed";
    if headers.contains_key(LAST_EVENT_ID) {
        let id = only(headers, &LAST_EVENT_ID).and_then(|id| Uuid::try_parse_ascii(id.as_bytes()).ok());
        return id.map(Some).ok_or_else(|| Invalid::field("Last-Event-ID", RULE).into());
    }
    let query: Query = serde_json::from_str(query.get()).map_err(|_| Invalid::field("after", RULE))?;
    Ok(query.after)
}

fn response(chunks: mpsc::Receiver<hyper::body::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Stream(chunks));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Turns buffering in nginx off.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
