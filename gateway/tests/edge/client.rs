//! An HTTP/1.1 client that sends any bytes and shows every detail of the response.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a read or a write may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// One response.
#[derive(Debug)]
pub(crate) struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Client {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a well-formed request and reads its response.
    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
        self.send(request(method, path, headers, body).as_bytes());
        self.response(method)
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    /// Sends bytes to a server that may have closed the connection.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Closes the sending side of the connection.
    pub(crate) fn end(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// The next response.
    pub(crate) fn next(&mut self) -> Response {
        self.response("GET")
    }

    /// The next response, to a request of this method.
    pub(crate) fn response(&mut self, method: &str) -> Response {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut response = Response { status, headers, body: String::new() };
        if method != "HEAD" {
            let length: u64 = response.header("content-length").map_or(0, |length| length.parse().unwrap());
            (&mut self.stream).take(length).read_to_string(&mut response.body).unwrap();
            assert_eq!(response.body.len() as u64, length, "the body was cut short");
        }
        response
    }

    /// Waits until the server closes the connection; what it still sent, if anything.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Whether the server has sent nothing so far.
    pub(crate) fn is_silent(&self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).unwrap();
        peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A well-formed request. A body comes with its length, and is JSON unless a header says otherwise.
pub(crate) fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let has = |name: &str| headers.iter().any(|header| header.to_lowercase().starts_with(name));
    if !body.is_empty() && !has("content-type") {
        head.push_str("Content-Type: application/json\r\n");
    }
    if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        for part in ["Content-Length: ", &body.len().to_string(), "\r\n"] {
            head.push_str(part);
        }
    }
    format!("{head}\r\n{body}")
}

impl Response {
    /// All values of a header field.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    /// Checks that this is a complete problem with this code, and gives it back.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert!(self.header("date").is_some());
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:problem:{}", code.replace('_', "-")));
        assert_eq!(problem["detail"], problem["message"]);
        for text in ["title", "detail", "instance", "requestId"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{text}: {problem}");
        }
        assert_eq!(problem["requestId"], self.header("x-request-id").unwrap());
        assert_eq!(problem.get("errors").is_some(), code == "invalid_input", "{problem}");
        assert_eq!(self.header("www-authenticate").is_some(), status == 401);
        assert_eq!(self.header("allow").is_some(), status == 405);
        assert_eq!(self.header("retry-after"), (status == 503).then_some("1"));
        problem
    }

    /// Checks that the gateway accepted the request and tried to send it to a worker, which fails without a broker.
    #[track_caller]
    pub(crate) fn assert_sent_on(&self) {
        self.problem(503, "broker_unavailable");
    }
}
