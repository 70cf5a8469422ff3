//! The HTTP client: one call at a time, with a time limit, over TLS if the address says `https`.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use amqp::{AmqpSettings, Broker};
use runtime::{Problem, https};
use serde_json::Value;
use ureq::http::Request;

use crate::address::{Address, basic, encode};

const TIMEOUT: Duration = Duration::from_secs(5);
/// A response holds some kilobytes for each queue or policy.
const LARGEST: u64 = 4 << 20;
/// How many characters of an unexpected response an error quotes.
const QUOTED: usize = 200;

/// The management API, as one user, for one vhost.
pub struct Management {
    agent: ureq::Agent,
    base: String,
    authorization: String,
    /// Encoded for a path.
    pub(crate) vhost: String,
}

impl Management {
    /// The API that `AMQP_MANAGEMENT_URL` names; `None` if it is not set. Signs in as the user of `AMQP_URL`, unless the
    /// address names another.
    pub fn new(settings: &AmqpSettings, broker: &Broker) -> Result<Option<Self>, Problem> {
        let url = settings.management_url.trim();
        if url.is_empty() {
            return Ok(None);
        }
        let address = Address::parse(url);
        let Address { base, user } = address.ok_or(("management_url", "must be like http://127.0.0.1:15672".into()))?;
        let (name, password) = match &user {
            Some((name, password)) => (name.as_str(), password.as_str()),
            None => broker.user(),
        };
        Ok(Some(Self {
            // HTTP_PROXY is for the Internet; the broker is not behind it.
            agent: https::client(TIMEOUT).proxy(None).build().into(),
            base,
            authorization: basic(name, password),
            vhost: encode(broker.vhost()),
        }))
    }

    /// Calls the API; returns the body of a success, `null` if it has none.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Error> {
        let failed = |kind, problem: String| Error { kind, base: self.base.clone(), problem };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/{path}", self.base))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(body.map_or_else(String::new, |body| body.to_string()))
            .map_err(|error| failed(Kind::Other, error.to_string()))?;
        let response = self.agent.run(request).map_err(|error| failed(Kind::Unreachable, error.to_string()))?;
        let status = response.status();
        let mut text = String::new();
        let read = response.into_body().into_reader().take(LARGEST).read_to_string(&mut text);
        read.map_err(|error| failed(Kind::Other, error.to_string()))?;
        match status.as_u16() {
            200..=299 => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
            401 => Err(failed(Kind::Unauthorized, "it does not accept this user".into())),
            403 => Err(failed(Kind::Forbidden, "this user may not do that".into())),
            404 => Err(failed(Kind::Other, "it knows no such vhost or queue".into())),
            _ => {
                let quoted: String = text.chars().take(QUOTED).collect();
                Err(failed(Kind::Other, format!("it answered {status}: {quoted}")))
            }
        }
    }

    /// The error of a response that is not what the API documents.
    pub(crate) fn unexpected(&self, error: &serde_json::Error) -> Error {
        Error { kind: Kind::Other, base: self.base.clone(), problem: format!("unexpected response: {error}") }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    base: String,
    problem: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unreachable,
    Unauthorized,
    Forbidden,
    Other,
}

impl Error {
    /// Whether the API is there, but does not let this user do it.
    pub fn is_denied(&self) -> bool {
        matches!(self.kind, Kind::Unauthorized | Kind::Forbidden)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, base, problem } = self;
        write!(f, "cannot use the management API at {base}, the one of AMQP_MANAGEMENT_URL: {problem}")?;
        f.write_str(match kind {
            Kind::Unreachable => " (is it running, and is the management plugin enabled?)",
            Kind::Unauthorized => " (is the password right, and does the user have the tag management or policymaker?)",
            Kind::Forbidden => " (setting policies needs the tag policymaker, reading counters the tag management)",
            Kind::Other => "",
        })
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    fn management(url: &str) -> Result<Option<Management>, Problem> {
        let settings = AmqpSettings { url: "amqp://me:hunter2@host/a%2Fb".into(), management_url: url.into() };
        Management::new(&settings, &Broker::new(&settings, "test").unwrap())
    }

    #[test]
    fn an_unusable_address_is_rejected_without_quoting_its_password() {
        for url in ["localhost:15672", "amqp://h:1", "http://", "http://me:hunter2@", "http://hunter2@h", "http://a b"]
        {
            let (key, problem) = management(url).err().unwrap();
            assert!(key == "management_url" && !problem.contains("hunter2"), "{problem}");
        }
        assert!(management("").unwrap().is_none());
    }

    #[test]
    fn the_user_of_the_address_takes_precedence_over_that_of_the_broker() {
        let authorization = |url: &str| management(url).unwrap().unwrap().authorization;
        assert_eq!(authorization("http://h:1/"), basic("me", "hunter2"));
        assert_eq!(authorization("https://p%40:%3Aq@h"), basic("p@", ":q"));
        assert_eq!(management("https://h").unwrap().unwrap().vhost, "a%2Fb");
    }
}
