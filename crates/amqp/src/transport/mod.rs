//! The byte stream below the AMQP library: TCP or TLS, read through the [`FrameFilter`].

pub(crate) mod frame_filter;
pub(crate) mod header_table;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::io::{AsyncRead, AsyncWrite};
use futures_util::{Stream, TryFutureExt};
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};

use crate::transport::frame_filter::{FrameFilter, Limits};

/// What one read may bring.
const CHUNK: usize = 16 * 1024;

/// Connects, and reads from the broker only what stays within the limits.
pub(crate) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    tls: OwnedTLSConfig,
    limits: Limits,
) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), Filtering { tokio: tokio.clone(), limits }));
    // The library's stream may be TLS above plain bytes of ours; the filter belongs above both.
    let below = Runtime::new(tokio);
    let connect = async move |uri: AMQPUri, _| {
        let stream = uri.connect_with_config_async(tls.as_ref(), &below).await?;
        Ok(AsyncTcpStream::Plain(Filtered::new(stream, limits)))
    };
    Connection::connector(uri, runtime, connect, properties).await
}

/// A stream whose bytes are filtered as they are read.
pub(crate) struct Filtered {
    below: AsyncTcpStream<<Tokio as Reactor>::TcpStream>,
    filter: FrameFilter,
    chunk: Box<[u8]>,
    /// What was let through and is not yet read: from `read` on.
    through: Vec<u8>,
    read: usize,
}

impl Filtered {
    fn new(below: AsyncTcpStream<<Tokio as Reactor>::TcpStream>, limits: Limits) -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { below, filter: FrameFilter::new(limits), chunk, through: Vec::new(), read: 0 }
    }
}

impl AsyncRead for Filtered {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        while this.read == this.through.len() {
            this.through.clear();
            this.read = 0;
            let came = ready!(Pin::new(&mut this.below).poll_read(context, &mut this.chunk))?;
            if came == 0 {
                return Poll::Ready(Ok(0));
            }
            this.filter.feed(&this.chunk[..came], &mut this.through)?;
        }
        let rest = &this.through[this.read..];
        let size = rest.len().min(buffer.len());
        buffer[..size].copy_from_slice(&rest[..size]);
        this.read += size;
        Poll::Ready(Ok(size))
    }
}

impl AsyncWrite for Filtered {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().below).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().below).poll_write_vectored(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().below).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().below).poll_close(context)
    }
}

/// Tokio's reactor, but that its streams are filtered: the library takes the type of its stream from here.
#[derive(Debug, Clone)]
struct Filtering {
    tokio: Tokio,
    limits: Limits,
}

impl Reactor for Filtering {
    type TcpStream = Filtered;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// For sockets of other libraries, which nobody has here.
    fn register<H: Read + Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Filtered, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.tokio.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.tokio.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let limits = self.limits;
        self.tokio.tcp_connect_addr(address).map_ok(move |stream| Filtered::new(AsyncTcpStream::Plain(stream), limits))
    }
}
