//! The byte stream below the AMQP library: TCP or TLS, read through the [`FrameFilter`].

pub(crate) mod frame_filter;
pub(crate) mod header_table;
mod tls;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::Stream;
use futures_util::io::{AsyncRead, AsyncWrite};
use lapin::tcp::AsyncTcpStream;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::transport::frame_filter::{FrameFilter, Limits};

/// The most bytes of one read.
const CHUNK: usize = 16 * 1024;

/// Connects, with a filter that enforces the limits. `authorities` are trusted in addition to the machine's.
///
/// The library gets a connected stream. Its own TLS would need many more crates.
pub(crate) async fn connect(
    uri: AMQPUri,
    properties: ConnectionProperties,
    authorities: Option<String>,
    limits: Limits,
) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let runtime = Runtime::new(RuntimeParts::new(tokio.clone(), Filtering { tokio }));
    let connect = async move |uri: AMQPUri, _| {
        let stream = open(&uri, authorities.as_deref()).await?;
        Ok(AsyncTcpStream::Plain(Filtered::new(stream, limits)))
    };
    Connection::connector(uri, runtime, connect, properties).await
}

/// Connects in plain text or by TLS, as the address says.
async fn open(uri: &AMQPUri, authorities: Option<&str>) -> io::Result<Box<dyn Bytes>> {
    // IPv6 addresses have brackets in URLs only.
    let host = uri.authority.host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((host, uri.authority.port)).await?;
    tcp.set_nodelay(true)?;
    Ok(match uri.scheme {
        AMQPScheme::AMQP => Box::new(tcp),
        AMQPScheme::AMQPS => Box::new(tls::handshake(tcp, host, authorities).await?),
    })
}

/// A byte stream: plain TCP, or TLS on top of it.
trait Bytes: TokioRead + TokioWrite + Send + Unpin {}

impl<S: TokioRead + TokioWrite + Send + Unpin> Bytes for S {}

/// A stream whose bytes are filtered as they are read.
pub(crate) struct Filtered {
    below: Box<dyn Bytes>,
    filter: FrameFilter,
    chunk: Box<[u8]>,
    /// Filtered bytes; those from `read` on have not been read yet.
    through: Vec<u8>,
    read: usize,
}

impl Filtered {
    fn new(below: Box<dyn Bytes>, limits: Limits) -> Self {
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
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.below).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(0));
            }
            this.filter.feed(chunk.filled(), &mut this.through)?;
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
        Pin::new(&mut self.get_mut().below).poll_shutdown(context)
    }
}

/// Tokio's reactor, except that its streams are filtered: the library takes the stream type from here.
#[derive(Debug, Clone)]
struct Filtering {
    tokio: Tokio,
}

impl Reactor for Filtering {
    type TcpStream = Filtered;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// For sockets of other libraries; unused.
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

    /// For the library's own connections; unused, because it gets a stream from [`open`].
    fn tcp_connect_addr(
        &self,
        _address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
