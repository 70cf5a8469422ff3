//! The broker's management API: reads and sets policies, which AMQP itself cannot.

use std::io::Read;
use std::time::Duration;

use amqp::topology::{Bound, Policy};
use amqp::{AmqpSettings, Broker};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use runtime::{SettingError, https};
use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::print::harmless;

const PATIENCE: Duration = Duration::from_secs(5);
/// Policies of a vhost are some kilobytes.
const LARGEST: u64 = 4 << 20;

/// The management API, as an administrator or a policy maker.
pub(crate) struct Management {
    agent: ureq::Agent,
    base: String,
    authorization: String,
    vhost: String,
}

impl Management {
    /// What `AMQP_MANAGEMENT_URL` names, if it names anything.
    pub(crate) fn new(settings: &AmqpSettings, broker: &Broker) -> Result<Option<Self>, SettingError> {
        let url = settings.management_url.trim();
        if url.is_empty() {
            return Ok(None);
        }
        let wrong = || SettingError::of("amqp", "management_url", "must be like http://127.0.0.1:15672");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (user, place) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((user, place)) => (Some(user.split_once(':').ok_or_else(wrong)?), place),
        };
        let place = place.trim_end_matches('/');
        if !matches!(scheme, "http" | "https") || place.is_empty() || place.contains(char::is_whitespace) {
            return Err(wrong());
        }
        let (user, password) = match user {
            Some((user, password)) => (decoded(user).ok_or_else(wrong)?, decoded(password).ok_or_else(wrong)?),
            None => (broker.user().0.to_owned(), broker.user().1.to_owned()),
        };
        Ok(Some(Self {
            // The broker is not behind the proxy of whoever browses from here.
            agent: https::client(PATIENCE).proxy(None).build().into(),
            base: format!("{scheme}://{place}"),
            authorization: format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))),
            vhost: encoded(broker.vhost()),
        }))
    }

    /// How each policy compares with what the broker has: `None` when it is the same, else what differs.
    pub(crate) fn compare(&self, policies: &[Policy]) -> Result<Vec<(Policy, Difference)>, CliError> {
        let there = self.call("GET", &format!("policies/{}", self.vhost), None)?;
        let there = there.as_array().map(Vec::as_slice).unwrap_or_default();
        let difference = |policy: &Policy| match there.iter().find(|one| one["name"] == policy.name) {
            None => Difference::Missing,
            Some(one) => different(one, &body(policy)).map_or(Difference::None, Difference::Some),
        };
        Ok(policies.iter().map(|policy| (policy.clone(), difference(policy))).collect())
    }

    /// Sets a policy, whatever there was under its name.
    pub(crate) fn set(&self, policy: &Policy) -> Result<(), CliError> {
        self.call("PUT", &format!("policies/{}/{}", self.vhost, policy.name), Some(body(policy))).map(drop)
    }

    /// How many messages of a queue are with consumers, or were some seconds ago. AMQP does not tell.
    pub(crate) fn unacknowledged(&self, queue: &str) -> Result<u64, CliError> {
        let there = self.call("GET", &format!("queues/{}/{}", self.vhost, encoded(queue)), None)?;
        Ok(there["messages_unacknowledged"].as_u64().unwrap_or_default())
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, CliError> {
        let Self { base, .. } = self;
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{base}/api/{path}"))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(body.map_or_else(String::new, |body| body.to_string()));
        let place = format!("the management API at {}, the one of AMQP_MANAGEMENT_URL", harmless(base));
        let unavailable = |why: &str| CliError::Unavailable(format!("cannot use {place}: {}", harmless(why)));
        let mut answer = self
            .agent
            .run(request.map_err(|error| unavailable(&error.to_string()))?)
            .map_err(|error| unavailable(&format!("{error}\n  is it running, and the management plugin enabled?")))?;
        let mut text = String::new();
        let read = answer.body_mut().as_reader().take(LARGEST).read_to_string(&mut text);
        read.map_err(|error| unavailable(&error.to_string()))?;
        match answer.status().as_u16() {
            200..=299 => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
            401 => Err(CliError::Refused(format!(
                "{place} does not let this user in: is the password right, and has the user the tag policymaker?"
            ))),
            403 => Err(CliError::Refused(format!("{place} refuses: the user needs the tag policymaker"))),
            404 => Err(unavailable("it knows no such vhost or queue")),
            status => Err(unavailable(&format!("it answered {status} {text}"))),
        }
    }
}

/// How a policy on the broker differs from ours.
pub(crate) enum Difference {
    None,
    Missing,
    Some(String),
}

fn different(there: &Value, ours: &Value) -> Option<String> {
    ["pattern", "definition", "apply-to", "priority"].iter().find_map(|key| {
        let (is, wanted) = (&there[*key], &ours[*key]);
        (is != wanted).then(|| format!("its {key} is {is}, not {wanted}"))
    })
}

/// A policy in the form that the management API, and RabbitMQ's definitions, have it.
pub(crate) fn body(policy: &Policy) -> Value {
    let value = |bound: &Bound| match bound {
        Bound::Number(number) => json!(number),
        Bound::Word(word) => json!(word),
    };
    let definition: Map<String, Value> =
        policy.definition.iter().map(|(key, bound)| ((*key).to_owned(), value(bound))).collect();
    json!({
        "pattern": policy.pattern, "apply-to": "queues", "priority": policy.priority, "definition": definition,
    })
}

/// For a path: everything but letters and digits as `%XX`.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(byte).collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(rest.next()?)? * 16 + digit(rest.next()?)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn management(url: &str) -> Result<Option<Management>, String> {
        let settings = AmqpSettings { url: "amqp://me:hunter2@host/a%2Fb".into(), management_url: url.into() };
        let broker = Broker::new(&settings, "test").unwrap();
        Management::new(&settings, &broker).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        for url in ["localhost:15672", "amqp://h:1", "http://", "http://me:hunter2@", "http://hunter2@h", "http://a b"]
        {
            let said = management(url).err().unwrap();
            assert!(said.starts_with("AMQP_MANAGEMENT_URL") && !said.contains("hunter2"), "{said}");
        }
        assert!(management("").unwrap().is_none());
    }

    #[test]
    fn whoever_is_named_is_who_comes() {
        let header = |url: &str| management(url).unwrap().unwrap().authorization;
        assert_eq!(header("http://h:1/"), format!("Basic {}", BASE64_STANDARD.encode("me:hunter2")));
        assert_eq!(header("https://p%40:%3Aq@h"), format!("Basic {}", BASE64_STANDARD.encode("p@::q")));
        let it = management("https://u:p@h/prefix/").unwrap().unwrap();
        assert_eq!((it.base.as_str(), it.vhost.as_str()), ("https://h/prefix", "a%2Fb"));
    }
}
