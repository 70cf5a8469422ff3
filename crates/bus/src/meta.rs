//! What travels beside a request, in AMQP properties and headers: who asks, until when, and how to follow it.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::Deadline;

// Header names. Frozen: other systems read and write them.
/// Names the verified user.
pub const CALLER: &str = "caller";
/// Says when the caller stops waiting, in Unix milliseconds.
pub const DEADLINE: &str = "deadline";
/// Names the request in logs.
pub const REQUEST_ID: &str = "request-id";
/// Makes several requests of one caller one.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// What tracing systems add to it.
const TRACESTATE: &str = "tracestate";
/// W3C baggage.
const BAGGAGE: &str = "baggage";

/// A caller that is not our gateway need not say until when it waits; then it is taken to wait this long.
const UNSAID_PATIENCE: Duration = Duration::from_secs(30);

/// Everything about a request but its content.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The request's identity: the same when the broker delivers it again. Effects are keyed by it.
    pub message_id: Uuid,
    /// What logs and the caller call this request.
    pub request_id: String,
    /// The verified user on whose behalf it is; set by the gateway alone.
    pub caller: Option<String>,
    /// The client's key that makes several requests one.
    pub idempotency_key: Option<String>,
    /// W3C trace context, passed on as it came.
    pub traceparent: Option<String>,
    /// What tracing systems add to it, passed on as it came.
    pub tracestate: Option<String>,
    /// W3C baggage, passed on as it came.
    pub baggage: Option<String>,
    /// When the caller stops waiting.
    pub deadline: Deadline,
}

impl Meta {
    /// The same for one more request on the same behalf, with `budget` from now.
    #[must_use]
    pub fn renewed(&self, budget: Duration) -> Self {
        Self { message_id: Uuid::now_v7(), deadline: Deadline::after(budget), ..self.clone() }
    }

    /// The AMQP properties of a request, less those of its reply path. The broker drops the message at the deadline,
    /// so that a worker that comes back later cannot do what the caller was told is not done.
    pub(crate) fn properties(&self) -> BasicProperties {
        const TRANSIENT: u8 = 1;
        let mut headers = FieldTable::default();
        let mut text = |name: &str, value: &str| {
            headers.insert(name.into(), AMQPValue::LongString(value.as_bytes().into()));
        };
        text(REQUEST_ID, &self.request_id);
        for (name, value) in [
            (CALLER, &self.caller),
            (IDEMPOTENCY_KEY, &self.idempotency_key),
            (TRACEPARENT, &self.traceparent),
            (TRACESTATE, &self.tracestate),
            (BAGGAGE, &self.baggage),
        ] {
            if let Some(value) = value {
                text(name, value);
            }
        }
        let deadline = i64::try_from(self.deadline.unix_millis()).unwrap_or(i64::MAX);
        headers.insert(DEADLINE.into(), AMQPValue::LongLongInt(deadline));
        BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(self.deadline.remaining().as_millis().to_string().into())
            .with_message_id(self.message_id.to_string().into())
            .with_headers(headers)
    }

    /// Reads them back. `packet_id` names a request whose sender set no message id, as Nest clients do.
    pub(crate) fn read(properties: &BasicProperties, pattern: &str, packet_id: Option<&str>) -> Self {
        let headers = properties.headers().as_ref();
        let text = |name: &str| text_header(properties, name);
        let deadline = headers.and_then(|headers| match headers.inner().get(DEADLINE)? {
            AMQPValue::LongLongInt(millis) => u64::try_from(*millis).ok(),
            _ => None,
        });
        let message_id = identity(properties, pattern, packet_id);
        Self {
            message_id,
            request_id: text(REQUEST_ID).unwrap_or_else(|| message_id.to_string()),
            caller: text(CALLER),
            idempotency_key: text(IDEMPOTENCY_KEY),
            traceparent: text(TRACEPARENT),
            tracestate: text(TRACESTATE),
            baggage: text(BAGGAGE),
            deadline: deadline.map_or_else(|| Deadline::after(UNSAID_PATIENCE), Deadline::from_unix_millis),
        }
    }
}

/// A header that holds text.
pub(crate) fn text_header(properties: &BasicProperties, name: &str) -> Option<String> {
    as_text(properties.headers().as_ref()?.inner().get(name)?)
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The same request always gets the same id: its UUID, or else one derived from the best name that it has.
fn identity(properties: &BasicProperties, pattern: &str, packet_id: Option<&str>) -> Uuid {
    let message_id = properties.message_id().as_ref().map(ShortString::as_str);
    if let Some(id) = message_id.and_then(|id| Uuid::try_parse(id).ok()) {
        return id;
    }
    let correlation_id = properties.correlation_id().as_ref().map(ShortString::as_str);
    match message_id.or(packet_id).or(correlation_id) {
        Some(name) => Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{pattern}/{name}").as_bytes()),
        None => Uuid::now_v7(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_writes_the_worker_reads() {
        let meta = Meta {
            message_id: Uuid::now_v7(),
            request_id: "r-1".into(),
            caller: Some("u-1".into()),
            idempotency_key: Some("k".into()),
            traceparent: None,
            tracestate: Some("a=1".into()),
            baggage: Some("k=v".into()),
            deadline: Deadline::after(Duration::from_secs(5)),
        };
        let read = Meta::read(&meta.properties(), "orders.create", None);
        assert_eq!(format!("{read:?}"), format!("{meta:?}"));
    }

    #[test]
    fn a_foreign_request_has_the_same_identity_at_each_delivery() {
        let plain = BasicProperties::default();
        let id = |packet_id| Meta::read(&plain, "orders.create", Some(packet_id)).message_id;
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert_ne!(id("a"), Meta::read(&plain, "users.register", Some("a")).message_id);
    }

    #[test]
    fn the_broker_is_told_to_drop_the_message_at_the_deadline() {
        let mut meta = Meta::read(&BasicProperties::default(), "p", None);
        meta.deadline = Deadline::after(Duration::from_secs(5));
        let millis: u64 = meta.properties().expiration().as_ref().unwrap().as_str().parse().unwrap();
        assert!((4_900..=5_000).contains(&millis), "{millis}");
    }
}
