//! HTTP/1.1 as a load generator speaks it: requests are written as they were prepared, and of an answer no more is read than
//! its status, its length and its body.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that is kept for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// The length of the answer that was given last, and is still at the beginning of what was received.
    answered: usize,
}

/// An answer, until the next request.
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c [u8],
    /// The server takes no further request on this connection.
    pub(crate) closes: bool,
}

struct Head {
    status: u16,
    length: usize,
    body: usize,
    closes: bool,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16 << 10), answered: 0 })
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.received.drain(..self.answered);
        self.answered = 0;
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(head) = head(&self.received)? {
                break head;
            }
            self.read().await?;
        };
        let end = head.body + head.length;
        while self.received.len() < end {
            self.read().await?;
        }
        self.answered = end;
        Ok(Answer { status: head.status, body: &self.received[head.body..end], closes: head.closes })
    }

    async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The head of an answer, when all of it is there.
fn head(received: &[u8]) -> Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let strange = |what: &str| Error::new(ErrorKind::InvalidData, format!("an answer {what}"));
    let text = std::str::from_utf8(&received[..end]).map_err(|_| strange("whose head is no text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let mut head =
        Head { status: status.ok_or_else(|| strange("without a status"))?, length: 0, body: end + 4, closes: false };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.length = value.parse().map_err(|_| strange("without a length"))?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(strange("in chunks, which this program does not read"));
        } else if name.eq_ignore_ascii_case("connection") {
            head.closes = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(head))
}

/// The text of a request.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> String {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}");
    let Some(body) = body.map(Value::to_string) else { return head + "\r\n" };
    format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_all_of_it_is_there() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nconnection: close\r\n\r\n{}";
        for end in 0..whole.len() - 2 {
            assert!(head(&whole[..end]).unwrap().is_none(), "{end}");
        }
        let head = head(whole).unwrap().unwrap();
        assert_eq!((head.status, head.length, &whole[head.body..], head.closes), (503, 2, &b"{}"[..], true));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for strange in ["HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
            assert!(head(strange.as_bytes()).is_err(), "{strange}");
        }
    }
}
