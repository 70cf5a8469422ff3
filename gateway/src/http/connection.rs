//! A client's connection: hyper speaks HTTP/1.1 on it; this decides when and how it closes.

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
use crate::http::connection_limit::{ConnectionPermit, PerIpConnectionLimit};
use crate::http::early_error::EarlyError;
use crate::http::open_connections::Activity;
use crate::http::request_headers::HEAD_LIMIT;
use crate::http::response_body::Body;
use crate::http::service::Service;

/// hyper's largest read buffer; larger than a head, so that the limit on heads applies.
const BUFFER_LIMIT: usize = 2 * HEAD_LIMIT;
/// How long connections are still accepted, and idle ones kept, after a stop is requested: requests sent before may still
/// arrive.
const IDLE_GRACE: Duration = Duration::from_millis(50);
/// How long, and for how many bytes, a connection stays open for a client that is still sending after the final response.
/// Closing at once would reset the connection, and the client might not read the response.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 16 * 1024 * 1024;

/// How connections are served.
#[derive(Clone)]
pub struct ConnectionConfig {
    http: http1::Builder,
    write_timeout: Duration,
    idle_grace: Duration,
    per_address_limit: PerIpConnectionLimit,
}

impl ConnectionConfig {
    /// `header_timeout` limits the arrival of a head and the life of an idle connection, `write_timeout` a stalled write.
    pub fn new(header_timeout: Duration, write_timeout: Duration) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_header_size(HEAD_LIMIT)
            .max_buf_size(BUFFER_LIMIT)
            // A client that closes its sending side still gets its response.
            .half_close(true);
        Self {
            http,
            write_timeout,
            idle_grace: IDLE_GRACE,
            per_address_limit: PerIpConnectionLimit::new(0, Proxies::default()),
        }
    }

    /// Serves at most `limit` connections from each address except these proxies; 0 means no limit.
    #[must_use]
    pub(crate) fn per_address(self, limit: usize, proxies: Proxies) -> Self {
        Self { per_address_limit: PerIpConnectionLimit::new(limit, proxies), ..self }
    }

    /// Keeps idle connections for this long after a stop is requested: the next request on one is answered, with
    /// `Connection: close`.
    #[must_use]
    pub(crate) fn idle_grace(self, idle_grace: Duration) -> Self {
        Self { idle_grace: idle_grace.max(IDLE_GRACE), ..self }
    }

    /// A permit for a connection from this address, unless it has reached its limit.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<ConnectionPermit> {
        self.per_address_limit.admit(peer)
    }
}

/// Serves a connection until it ends or is evicted.
pub(crate) async fn serve<S: Service>(
    stream: TcpStream,
    peer: IpAddr,
    service: Arc<S>,
    config: Arc<ConnectionConfig>,
    activity: Arc<Activity>,
    stop: Shutdown,
) {
    // A small response must not wait for the acknowledgement of the previous one.
    let _ = stream.set_nodelay(true);
    let linger = AtomicBool::new(false);
    let serve = service_fn(|mut request: Request<Incoming>| {
        let guard = RequestGuard::new(&activity);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Arc::clone(&activity));
        let (service, stop, linger) = (&service, &stop, &linger);
        async move {
            let mut response = service.call(request).await;
            // The response closes the connection if its request was not read to the end.
            linger.store(response.headers().contains_key(CONNECTION), Ordering::Relaxed);
            if stop.is_requested() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| GuardedBody { body, _guard: guard }))
        }
    });
    let stream = TokioIo::new(ClientStream::new(stream, config.write_timeout, Arc::clone(&activity)));
    let mut connection = config.http.serve_connection(stream, serve);
    let ended = drive(&mut connection, &activity, &stop, config.idle_grace).await;
    let parts = connection.into_parts();
    let Some(stream) = parts.io.into_inner().into_inner() else { return };
    let error = ended.err().and_then(|error| EarlyError::from_hyper(&error, &parts.read_buf));
    if let Some(error) = &error {
        error.log();
    }
    if error.is_some() || linger.into_inner() {
        let response = error.map(|error| error.response()).unwrap_or_default();
        // Best effort: the client may not read it in time.
        let _ = timeout(LINGER, close_after(stream, &response)).await;
    }
}

/// Marks the connection as busy from the head of a request to the last piece of its response.
struct RequestGuard(Arc<Activity>);

impl RequestGuard {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.busy();
        Self(Arc::clone(activity))
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// The body of a response with its guard. hyper drops it once it has taken all of it.
struct GuardedBody {
    body: Body,
    _guard: RequestGuard,
}

impl HttpBody for GuardedBody {
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

/// Runs hyper's connection. After a stop is requested or the connection is evicted, only until its current request is
/// answered.
async fn drive<S>(
    connection: &mut Connection<S>,
    activity: &Activity,
    stop: &Shutdown,
    idle_grace: Duration,
) -> hyper::Result<()>
where
    S: HttpService<Incoming, ResBody = GuardedBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    tokio::select! {
        biased;
        ended = &mut *connection => return ended,
        () = idle_grace_is_over(stop, idle_grace) => Pin::new(&mut *connection).graceful_shutdown(),
        () = activity.evicted() => {
            Pin::new(&mut *connection).graceful_shutdown();
            tokio::select! {
                biased;
                ended = &mut *connection => return ended,
                // Do not wait for an idle one: its client may take any time to send a head or read a response.
                () = std::future::ready(()), if !activity.is_busy() => return Ok(()),
            }
        }
    }
    connection.await
}

/// Resolves shortly after a stop is requested: clients may have connected just before.
pub(crate) async fn stop_accepting(stop: &Shutdown) {
    idle_grace_is_over(stop, IDLE_GRACE).await;
}

async fn idle_grace_is_over(stop: &Shutdown, idle_grace: Duration) {
    stop.requested().await;
    sleep(idle_grace).await;
}

/// Writes a final response, then closes the connection once the client has read it.
async fn close_after(mut stream: TcpStream, response: &[u8]) -> io::Result<()> {
    stream.write_all(response).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await.map(drop)
}
