//! HTTP by hand, for messages that no client library would send.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use crate::http::Answer;

/// How long the server may take to answer or to close.
const LIMIT: Duration = Duration::from_secs(10);

/// A connection.
pub struct Raw {
    stream: TcpStream,
    opened: Instant,
    received: Vec<u8>,
}

impl Raw {
    /// Connects to a port of this machine.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, opened: Instant::now(), received: Vec::new() }
    }

    /// Writes bytes. That the server closes before it has read all of them is no error here.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Reads one answer; `None` when the server closes without one.
    pub fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.parse() {
                return Some(answer);
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// Whether the server closes the connection, without a further byte, before the limit.
    pub fn is_closed(&mut self) -> bool {
        self.received.is_empty() && !self.read_more()
    }

    /// False at the end of the stream; fails when the server neither writes nor closes.
    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!("the server neither answers nor closes within {LIMIT:?}: {error}"),
        }
    }

    fn parse(&mut self) -> Option<Answer> {
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let (head, rest) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let body = rest.get(..length)?.to_owned();
        self.received = rest.as_bytes()[length..].to_vec();
        Some(Answer { status, headers, body, took: self.opened.elapsed() })
    }
}

/// Sends one message on a connection of its own and reads the answer.
#[track_caller]
pub fn exchange(port: u16, message: impl AsRef<[u8]>) -> Answer {
    Raw::connect(port).write(message).answer().expect("the server closed without an answer")
}
