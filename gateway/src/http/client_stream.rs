//! The socket under hyper: holds back the bodiless errors that hyper writes of its own accord, so that ours can take
//! their place, has heads checked for what hyper lets pass, and gives up on clients that do not read.

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
    /// How long a client may take to read any part of what it is sent.
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    activity: Arc<Activity>,
    /// Whether part of an answer is still to be written: then nothing else may be.
    owing: bool,
    heads: HeadScanner,
}

impl ClientStream {
    /// Wraps a socket.
    pub(crate) fn new(stream: TcpStream, write_timeout: Duration, activity: Arc<Activity>) -> Self {
        Self { stream, write_timeout, stalled: None, activity, owing: false, heads: HeadScanner::default() }
    }

    /// The socket again, unless an answer was torn in the middle.
    pub(crate) fn whole(self) -> Option<TcpStream> {
        (!self.owing).then_some(self.stream)
    }

    /// Notes how a write of `length` bytes went, and how long the client has not let us write at all.
    fn note(&mut self, cx: &mut Context<'_>, length: usize, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.owing = !matches!(write, Poll::Ready(Ok(written)) if written == length);
        self.activity.owes(self.owing);
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
        let known = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.heads.scan(&mut buf.filled_mut()[known..]);
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match own_words(buf) {
            Some(0) => Poll::Ready(Ok(buf.len())),
            before => {
                let buf = &buf[..before.unwrap_or(buf.len())];
                let write = Pin::new(&mut self.stream).poll_write(cx, buf);
                self.note(cx, buf.len(), write)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper comes again with what is not written, so the first piece alone will do when the last is its own.
        if let Some(last) = bufs.last().filter(|last| own_words(last).is_some()) {
            return self.poll_write(cx, if bufs.len() == 1 { last } else { &bufs[0] });
        }
        let write = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(cx, bufs.iter().map(|buf| buf.len()).sum(), write)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Leaves the socket open: who owns the connection closes it, perhaps with a last word.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Where in a write hyper's own words begin: an error without a body, for a head that it could not read. It is always
/// the last that hyper writes, and short. Every response of ours has a body or an `x-request-id`.
fn own_words(buf: &[u8]) -> Option<usize> {
    const LONGEST: usize = 256;
    if !buf.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail_begins = buf.len().saturating_sub(LONGEST);
    let tail = &buf[tail_begins..];
    let head_begins = tail.windows(7).rposition(|window| window == b"HTTP/1.")?;
    let head = std::str::from_utf8(&tail[head_begins..]).ok()?;
    let status = head.get(9..12)?;
    let own = matches!(status, "400" | "414" | "431") && !head.contains("\r\nx-request-id:");
    own.then_some(tail_begins + head_begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::open_connections::OpenConnections;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const CANNED: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";

    #[test]
    fn hypers_own_words_are_told_from_ours() {
        let at = |text: String| own_words(text.as_bytes());
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
    async fn an_answer_before_hypers_own_words_is_written_without_them() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let activity = Arc::clone(&Arc::new(OpenConnections::default()).add().activity);
        let mut wire = ClientStream::new(stream, Duration::from_secs(9), activity);
        let pieces = [io::IoSlice::new(b"{}"), io::IoSlice::new(CANNED.as_bytes())];
        assert_eq!(wire.write_vectored(&pieces).await.unwrap(), 2);
        wire.write_all(format!("{{}}{CANNED}").as_bytes()).await.unwrap();
        drop(wire.whole());
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "{}{}");
    }
}
