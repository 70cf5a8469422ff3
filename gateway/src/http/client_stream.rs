//! The socket under hyper: suppresses the errors without a body that hyper writes itself, so that ours can replace them,
//! checks heads for framing that hyper accepts, and times out on clients that do not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::http::head_scanner::HeadScanner;
use crate::http::open_connections::Activity;

/// A client's socket.
pub(crate) struct ClientStream {
    stream: TcpStream,
    /// How long a write may stall.
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    activity: Arc<Activity>,
    /// Whether part of a response is still to be written. Then nothing else may be written.
    unfinished: bool,
    head_scanner: HeadScanner,
}

impl ClientStream {
    /// Wraps a socket.
    pub(crate) fn new(stream: TcpStream, write_timeout: Duration, activity: Arc<Activity>) -> Self {
        Self { stream, write_timeout, stalled: None, activity, unfinished: false, head_scanner: HeadScanner::default() }
    }

    /// The socket, unless a response was only partly written.
    pub(crate) fn into_inner(self) -> Option<TcpStream> {
        (!self.unfinished).then_some(self.stream)
    }

    /// Records the result of a write of `length` bytes, and fails if writes have stalled for too long.
    fn record(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.unfinished = !matches!(write, Poll::Ready(Ok(written)) if written == length);
        self.activity.set_unfinished(self.unfinished);
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let write_timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.head_scanner.scan(&mut buf.filled_mut()[before..]);
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match hyper_error_at(buf) {
            Some(0) => Poll::Ready(Ok(buf.len())),
            before => {
                let buf = &buf[..before.unwrap_or(buf.len())];
                let write = Pin::new(&mut self.stream).poll_write(cx, buf);
                self.record(cx, buf.len(), write)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper retries what is not written, so writing only the first buffer is enough if the last has hyper's error.
        if let Some(last) = bufs.last().filter(|last| hyper_error_at(last).is_some()) {
            return self.poll_write(cx, if bufs.len() == 1 { last } else { &bufs[0] });
        }
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.record(cx, bufs.iter().map(|buf| buf.len()).sum(), write)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Leaves the socket open: the owner of the connection closes it, perhaps after an early error.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where hyper's own error begins in a write: a response without a body, for a head that it could not parse. It is always
/// the last thing that hyper writes, and short. Every response of ours has a body or an `x-request-id`.
fn hyper_error_at(buf: &[u8]) -> Option<usize> {
    const LONGEST: usize = 256;
    if !buf.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail_start = buf.len().saturating_sub(LONGEST);
    let tail = &buf[tail_start..];
    let head_start = tail.windows(7).rposition(|window| window == b"HTTP/1.")?;
    let head = std::str::from_utf8(&tail[head_start..]).ok()?;
    let status = head.get(9..12)?;
    let is_hypers = matches!(status, "400" | "414" | "431") && !head.contains("\r\nx-request-id:");
    is_hypers.then_some(tail_start + head_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::open_connections::OpenConnections;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const CANNED: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";

    #[test]
    fn hypers_own_errors_are_recognised() {
        let at = |text: String| hyper_error_at(text.as_bytes());
        assert_eq!(at(CANNED.into()), Some(0));
        assert_eq!(at(CANNED.replace("400", "431")), Some(0));
        assert_eq!(at(format!("HTTP/1.1 200 OK\r\n\r\n{{}}{CANNED}")), Some(21));
        assert_eq!(at(CANNED.replace("date", "x-request-id")), None);
        assert_eq!(at(CANNED.replace("400", "404")), None);
        assert_eq!(at(CANNED.replace("400 Bad Request", "100 Continue")), None);
        assert_eq!(at(format!("{CANNED}{{}}")), None);
        for other in ["", "\r\n\r\n", "HTTP/1.\r\n\r\n", "HTTP/1.1 4\r\n\r\n", "{}"] {
            assert_eq!(at(other.into()), None, "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_response_is_written_without_the_error_of_hyper_after_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let activity = Arc::clone(&Arc::new(OpenConnections::default()).add().activity);
        let mut stream = ClientStream::new(stream, Duration::from_secs(9), activity);
        let pieces = [io::IoSlice::new(b"{}"), io::IoSlice::new(CANNED.as_bytes())];
        assert_eq!(stream.write_vectored(&pieces).await.unwrap(), 2);
        stream.write_all(format!("{{}}{CANNED}").as_bytes()).await.unwrap();
        drop(stream.into_inner());
        let mut received = String::new();
        client.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "{}{}");
    }
}
