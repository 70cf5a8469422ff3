//! One client's connection: hyper speaks HTTP/1.1 on it; how it ends, and the last word, are decided here.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::http::client_ip::{Peer, Proxies};
use crate::http::client_stream::ClientStream;
use crate::http::connection_limit::{Admitted, PerIpConnectionLimit};
use crate::http::early_error::EarlyError;
use crate::http::open_connections::Activity;
use crate::http::request_headers::HEAD_LIMIT;
use crate::http::response_body::Body;
use crate::http::service::Service;

/// hyper reads into a buffer of at most this size; larger than a head, so that the bound on heads decides.
const BUFFER_LIMIT: usize = 2 * HEAD_LIMIT;
/// After a stop is asked for, what was sent before still arrives: this long, more is taken in, and idle connections are kept.
const LAST_CALL: Duration = Duration::from_millis(50);
/// A client that is still sending when we have said our last word gets this long, and this much, to come to hear it.
/// Closing at once would reset the connection, and the reset would overtake the word.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 16 * 1024 * 1024;

/// How connections are served.
#[derive(Clone)]
pub struct ConnectionConfig {
    http: http1::Builder,
    write_timeout: Duration,
    last_call: Duration,
    per_address_limit: PerIpConnectionLimit,
}

impl ConnectionConfig {
    /// `header_timeout` bounds the arrival of a head and an idle connection's life, `write_timeout` a client that does not
    /// read.
    pub fn new(header_timeout: Duration, write_timeout: Duration) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(BUFFER_LIMIT)
            // A client that has said all it had to say still gets its answer.
            .half_close(true);
        Self {
            http,
            write_timeout,
            last_call: LAST_CALL,
            per_address_limit: PerIpConnectionLimit::new(0, Proxies::default()),
        }
    }

    /// Serves at most `limit` connections from each address but these proxies; 0 is no limit.
    #[must_use]
    pub(crate) fn per_address(self, limit: usize, proxies: Proxies) -> Self {
        Self { per_address_limit: PerIpConnectionLimit::new(limit, proxies), ..self }
    }

    /// Keeps idle connections for so long after a stop is asked for: a client that asks once more is answered, and told to
    /// come back by another.
    #[must_use]
    pub(crate) fn last_call(self, last_call: Duration) -> Self {
        Self { last_call: last_call.max(LAST_CALL), ..self }
    }

    /// A place for a connection from this address, if it has one left.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        self.per_address_limit.admit(peer)
    }
}

/// Serves a connection until it ends, or has to give way.
pub(crate) async fn serve<S: Service>(
    stream: TcpStream,
    peer: IpAddr,
    service: Arc<S>,
    terms: Arc<ConnectionConfig>,
    activity: Arc<Activity>,
    stop: Shutdown,
) {
    // A small answer must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let linger = AtomicBool::new(false);
    let serve = service_fn(|mut request: Request<Incoming>| {
        let served = Served::of(&activity);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Arc::clone(&activity));
        let (service, stop, linger) = (&service, &stop, &linger);
        async move {
            let mut response = service.call(request).await;
            // The answer closes the connection when its request was not read to the end.
            linger.store(response.headers().contains_key(CONNECTION), Ordering::Relaxed);
            if stop.is_requested() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Held { body, _served: served }))
        }
    });
    let wire = TokioIo::new(ClientStream::new(stream, terms.write_timeout, Arc::clone(&activity)));
    let mut connection = terms.http.serve_connection(wire, serve);
    let ended = drive(&mut connection, &activity, &stop, terms.last_call).await;
    let parts = connection.into_parts();
    let Some(stream) = parts.io.into_inner().whole() else { return };
    let refused = ended.err().and_then(|error| EarlyError::because(&error, &parts.read_buf));
    if let Some(refused) = &refused {
        refused.log();
    }
    if refused.is_some() || linger.into_inner() {
        let last_word = refused.map(|refused| refused.response()).unwrap_or_default();
        // It is a courtesy: a client that does not take it in time goes without.
        let _ = timeout(LINGER, part(stream, &last_word)).await;
    }
}

/// Says that a request is being served, from its head to the last piece of its answer.
struct Served(Arc<Activity>);

impl Served {
    fn of(activity: &Arc<Activity>) -> Self {
        activity.busy();
        Self(Arc::clone(activity))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// The body of a response, which hyper drops when it has taken all of it.
struct Held {
    body: Body,
    _served: Served,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

type Connection<S> = http1::Connection<TokioIo<ClientStream>, S>;

/// Lets hyper work; when a stop is asked for, or another connection needs the place, only as long as a request is being
/// served.
async fn drive<S>(
    connection: &mut Connection<S>,
    activity: &Activity,
    stop: &Shutdown,
    last_call: Duration,
) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = Held>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    tokio::select! {
        biased;
        ended = &mut *connection => return ended,
        () = last_call_is_over(stop, last_call) => Pin::new(&mut *connection).graceful_shutdown(),
        () = activity.evicted() => {
            Pin::new(&mut *connection).graceful_shutdown();
            tokio::select! {
                biased;
                ended = &mut *connection => return ended,
                // It is not waited for: its client may take as long as it likes to send a head or read an answer.
                () = std::future::ready(()), if !activity.is_busy() => return Ok(()),
            }
        }
    }
    connection.await
}

/// Resolves shortly after a stop is asked for: who comes now may have set out before.
pub(crate) async fn close_after_request(stop: &Shutdown) {
    last_call_is_over(stop, LAST_CALL).await;
}

async fn last_call_is_over(stop: &Shutdown, last_call: Duration) {
    stop.requested().await;
    sleep(last_call).await;
}

async fn part(mut stream: TcpStream, last_word: &[u8]) -> io::Result<()> {
    stream.write_all(last_word).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await.map(drop)
}
