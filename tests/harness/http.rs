//! An HTTP client for tests: every status is an answer, and an answer has its duration.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::{HeaderMap, Request};

/// Longer than any answer may take; a test that expects a delay measures it.
const LIMIT: Duration = Duration::from_secs(20);

/// A client of one server, with connections that it keeps. Cloning shares them.
#[derive(Clone)]
pub struct Http {
    base: String,
    agent: ureq::Agent,
}

impl Http {
    /// A client of `http://…` without a path.
    pub fn new(base: impl Into<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_idle_connections_per_host(64)
            .timeout_global(Some(LIMIT));
        Self { base: base.into(), agent: config.build().into() }
    }

    /// A client of a port of this machine.
    pub fn at(port: u16) -> Self {
        Self::new(format!("http://127.0.0.1:{port}"))
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// POST.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// Any method.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        Call { agent: self.agent.clone(), request, body: None }
    }
}

/// A request that is being put together.
#[must_use]
pub struct Call {
    agent: ureq::Agent,
    request: ureq::http::request::Builder,
    body: Option<Vec<u8>>,
}

impl Call {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds an access token.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a body as it is, without saying what it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Adds a body of JSON text, well-formed or not.
    pub fn text(self, json: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/json").body(json)
    }

    /// Adds a JSON body.
    pub fn json(self, json: &Value) -> Self {
        self.text(json.to_string())
    }

    /// Sends it; fails if there is no answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        self.try_send().unwrap_or_else(|problem| panic!("no HTTP answer: {problem}"))
    }

    /// Sends it from a thread of its own.
    pub fn send_in_background(self) -> Pending {
        Pending(thread::spawn(|| self.try_send()))
    }

    /// Sends it; the error says why there is no answer.
    pub fn try_send(self) -> Result<Answer, String> {
        let begun = Instant::now();
        let outcome = match self.body {
            Some(body) => self.agent.run(self.request.body(body).unwrap()),
            None => self.agent.run(self.request.body(()).unwrap()),
        };
        let mut response = outcome.map_err(|error| error.to_string())?;
        let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let took = begun.elapsed();
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body, took })
    }
}

/// A request in flight.
#[must_use]
pub struct Pending(JoinHandle<Result<Answer, String>>);

impl Pending {
    /// Whether there is an answer, or none will come.
    pub fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits for the answer; there must be one.
    #[track_caller]
    pub fn wait(self) -> Answer {
        self.0.join().unwrap().unwrap_or_else(|problem| panic!("no HTTP answer: {problem}"))
    }
}

/// A server's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
    /// From the first byte sent to the last byte received.
    pub took: Duration,
}

impl Answer {
    /// Fails unless the status is this one.
    #[expect(clippy::return_self_not_must_use, reason = "often the status is all that matters")]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "expected status {status}, got {}: {}", self.status, self.body);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("the body is not JSON ({error}): {}", self.body))
    }

    /// A header field's value, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `code` of an error's body, empty when there is none.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The status with the error's code: what most tests compare.
    pub fn outcome(&self) -> (u16, String) {
        (self.status, self.code())
    }
}
