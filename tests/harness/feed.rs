//! A client of the live feed: reads server-sent events from a socket.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

/// An open feed.
pub struct LiveSubscription {
    lines: BufReader<TcpStream>,
}

/// An event as it came.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it tells.
    pub data: Value,
}

impl LiveSubscription {
    /// Opens a feed; `after` is the last event that was seen.
    #[track_caller]
    pub fn open(port: u16, token: &str, after: Option<&str>) -> Self {
        Self::try_open(port, token, after).unwrap_or_else(|head| panic!("no feed: {head}"))
    }

    /// The same; what the answer began with when it is no feed.
    pub fn try_open(port: u16, token: &str, after: Option<&str>) -> Result<Self, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let after = after.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let head = format!("GET /orders/events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n{after}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut feed = Self { lines: BufReader::new(stream) };
        let status = feed.line().unwrap_or_default();
        let mut head = status.clone();
        while let Some(line) = feed.line().filter(|line| !line.is_empty()) {
            head.push_str(&line);
        }
        if status.contains(" 200 ") && head.contains("text/event-stream") { Ok(feed) } else { Err(head) }
    }

    /// The id with which a new feed begins, to be resumed from before any event has come.
    #[track_caller]
    pub fn place(&mut self) -> String {
        loop {
            let line = self.line().expect("the feed begins");
            if let Some(id) = line.strip_prefix("id: ") {
                return id.into();
            }
        }
    }

    /// The next event.
    #[track_caller]
    pub fn event(&mut self) -> Event {
        let (mut id, mut name, mut data) = (String::new(), String::new(), String::new());
        loop {
            let line = self.line().expect("the feed goes on until the next event");
            match line.split_once(": ") {
                Some(("id", value)) => id = value.into(),
                Some(("event", value)) => name = value.into(),
                Some(("data", value)) => data.push_str(value),
                _ if line.is_empty() && !data.is_empty() => {
                    return Event { id, name, data: serde_json::from_str(&data).unwrap() };
                }
                // The sizes of chunks, comments, and the pause for coming again.
                _ => {}
            }
        }
    }

    /// How many comments come in this time.
    pub fn comments(&mut self, time: Duration) -> usize {
        let begun = Instant::now();
        let mut comments = 0;
        while begun.elapsed() < time {
            comments += usize::from(self.line().is_some_and(|line| line == ":"));
        }
        comments
    }

    /// Whether it ends within a time.
    pub fn ended_within(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        self.lines.get_ref().set_read_timeout(Some(limit)).unwrap();
        // The last chunk has no bytes; the connection itself may go on.
        while begun.elapsed() < limit && self.line().is_some_and(|line| line != "0") {}
        begun.elapsed() < limit
    }

    /// A line without its end; `None` at the end of the feed, or when none comes.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }
}
