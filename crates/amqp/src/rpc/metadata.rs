//! The metadata of a request, in AMQP properties and headers: caller, deadline, ids, trace context.

use std::time::{Duration, Instant};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::headers::{
    BAGGAGE, BUDGET, CALLER, DEADLINE, EXPIRED_TO, IDEMPOTENCY_KEY, REQUEST_ID, SESSION, TRACEPARENT, TRACESTATE,
    text_header, whole_number,
};
use crate::protocol::TRANSIENT;
use crate::rpc::deadline::{Deadline, unix_millis};

/// The longest request id that is accepted, in bytes.
const LONGEST_REQUEST_ID: usize = 256;
/// The assumed budget of a caller that does not state how long it waits.
pub const DEFAULT_BUDGET: Duration = Duration::from_secs(30);

/// Everything about a request except its content.
#[derive(Debug, Clone)]
pub struct RequestMetadata {
    /// The request's identity, the same at each redelivery. Its effects are keyed by it.
    pub message_id: Uuid,
    /// The id that logs and the caller use.
    pub request_id: String,
    /// The verified user; set only by the gateway.
    pub caller: Option<String>,
    /// The session of the verified user, if the token names one; set only by the gateway.
    pub session: Option<Uuid>,
    /// The client's key that marks repetitions of one request.
    pub idempotency_key: Option<String>,
    /// W3C trace context, passed on unchanged.
    pub traceparent: Option<String>,
    /// Vendor data of the trace context, passed on unchanged.
    pub tracestate: Option<String>,
    /// W3C baggage, passed on unchanged.
    pub baggage: Option<String>,
    /// When the caller stops waiting.
    pub deadline: Deadline,
}

impl RequestMetadata {
    /// The metadata of a further request for the same caller, with `budget` from now.
    #[must_use]
    pub fn renewed(&self, budget: Duration) -> Self {
        Self { message_id: Uuid::now_v7(), deadline: Deadline::after(budget), ..self.clone() }
    }

    /// The AMQP properties of a request, without those of its reply path. The request waits no longer than `wait` in its
    /// queue, so that a worker that starts later cannot execute what the caller was told is not executed.
    pub(crate) fn properties(&self, wait: Duration, expired_to: Option<&str>) -> BasicProperties {
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
        if let Some(session) = self.session {
            text(SESSION, &session.to_string());
        }
        if let Some(instance) = expired_to {
            text(EXPIRED_TO, instance);
        }
        headers.insert(BUDGET.into(), long(self.deadline.remaining()));
        let deadline = i64::try_from(self.deadline.unix_millis()).unwrap_or(i64::MAX);
        headers.insert(DEADLINE.into(), AMQPValue::LongLongInt(deadline));
        BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(wait.as_millis().to_string().into())
            .with_message_id(self.message_id.to_string().into())
            .with_headers(headers)
    }

    /// Reads the properties of a request that arrived at `arrived`.
    pub(crate) fn read(properties: &BasicProperties, request: &Arrived<'_>) -> Self {
        let text = |name: &str| text_header(properties, name);
        let caller = text(CALLER);
        let message_id = identity(properties, request, caller.as_deref());
        Self {
            message_id,
            request_id: text(REQUEST_ID).filter(|id| id.len() <= LONGEST_REQUEST_ID).unwrap_or(message_id.to_string()),
            caller,
            session: text(SESSION).and_then(|id| Uuid::try_parse(&id).ok()),
            idempotency_key: text(IDEMPOTENCY_KEY),
            traceparent: text(TRACEPARENT),
            tracestate: text(TRACESTATE),
            baggage: text(BAGGAGE),
            deadline: Deadline::of(request.at, budget(properties)),
        }
    }
}

/// What else decides a request's identity and deadline, besides its properties.
#[derive(Clone, Copy)]
pub(crate) struct Arrived<'a> {
    pub(crate) at: Instant,
    pub(crate) pattern: &'a str,
    /// The caller's own id in the packet, as Nest clients set it.
    pub(crate) packet_id: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// How long the caller waits, counted from the request's arrival: the stated budget, or the message's expiration, which the
/// broker has enforced by its own clock; or else the time until the deadline header, by our clock.
fn budget(properties: &BasicProperties) -> Duration {
    let until_deadline = || Some(Duration::from_millis(deadline(properties)?.ok()?.saturating_sub(unix_millis())));
    stated_budget(properties).or_else(until_deadline).unwrap_or(DEFAULT_BUDGET)
}

/// The budget that the caller states, as the header or the expiration.
fn stated_budget(properties: &BasicProperties) -> Option<Duration> {
    let header = || {
        let value = properties.headers().as_ref()?.inner().get(BUDGET)?;
        Some(Duration::from_millis(u64::try_from(whole_number(value)?).ok()?))
    };
    header().or_else(|| expiration(properties))
}

/// A number of milliseconds in a header.
pub(crate) fn long(duration: Duration) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn expiration(properties: &BasicProperties) -> Option<Duration> {
    Some(Duration::from_millis(properties.expiration().as_ref()?.as_str().parse().ok()?))
}

/// A request's age in milliseconds, by its sender's clock and ours, and its budget; if it has both.
pub(crate) fn age(properties: &BasicProperties) -> Option<(i64, Duration)> {
    let budget = stated_budget(properties)?;
    let sent = i64::try_from(deadline(properties)?.ok()?).ok()?.checked_sub(i64::try_from(budget.as_millis()).ok()?)?;
    Some((i64::try_from(unix_millis()).ok()?.checked_sub(sent)?, budget))
}

/// The deadline header in Unix milliseconds, if there is one; an error if it is not a time.
pub(crate) fn deadline(properties: &BasicProperties) -> Option<Result<u64, ()>> {
    /// The year 5138 in seconds and 1973 in milliseconds.
    const SECONDS_BELOW: u64 = 100_000_000_000;
    let value = properties.headers().as_ref()?.inner().get(DEADLINE)?;
    let millis = whole_number(value).and_then(|millis| u64::try_from(millis).ok());
    let is_timestamp = matches!(value, AMQPValue::Timestamp(_)); // which counts seconds, by the specification
    let millis = millis.map(|number| if is_timestamp && number < SECONDS_BELOW { number * 1_000 } else { number });
    Some(millis.ok_or(()))
}

/// What a sender may identify a request with, in the words of the published contract.
pub const MARKS: [&str; 3] = ["message id", "correlation id", "the packet's id"];

/// The id of a request, the same for every repetition of it. A message id that is a UUID is used as it is. Other marks may be
/// counters that restart with each program, so they are combined with everything that a true repetition has in common: the
/// reply address, the caller and the body. A request without any mark gets a new id.
fn identity(properties: &BasicProperties, request: &Arrived<'_>, caller: Option<&str>) -> Uuid {
    let text = |property: &Option<ShortString>| property.as_ref().map(|text| text.as_str().to_owned());
    let message_id = text(properties.message_id());
    if let Some(id) = message_id.as_deref().and_then(|id| Uuid::try_parse(id).ok()) {
        return id;
    }
    let marks: [_; MARKS.len()] = [message_id, text(properties.correlation_id()), request.packet_id.map(str::to_owned)];
    if marks.iter().all(Option::is_none) {
        return Uuid::now_v7();
    }
    let mut name = Vec::with_capacity(request.body.len() + 256);
    let mut add = |part: Option<&[u8]>| {
        // The length prefix keeps adjacent parts apart; `None` differs from empty.
        name.extend_from_slice(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.unwrap_or_default());
    };
    add(Some(request.pattern.as_bytes()));
    add(text(properties.reply_to()).as_deref().map(str::as_bytes));
    add(caller.map(str::as_bytes));
    for mark in &marks {
        add(mark.as_deref().map(str::as_bytes));
    }
    add(Some(request.body));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &name)
}

#[cfg(test)]
mod tests {
    use lapin::types::DecimalValue;

    use super::*;

    fn arrived(body: &[u8]) -> Arrived<'_> {
        Arrived { at: Instant::now(), pattern: "orders.create", packet_id: None, body }
    }

    fn read(properties: &BasicProperties) -> RequestMetadata {
        RequestMetadata::read(properties, &arrived(b"{}"))
    }

    fn with_deadline(value: AMQPValue) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert(DEADLINE.into(), value);
        BasicProperties::default().with_headers(headers)
    }

    #[test]
    fn what_the_gateway_writes_the_worker_reads() {
        let meta = RequestMetadata {
            message_id: Uuid::now_v7(),
            request_id: "r-1".into(),
            caller: Some("u-1".into()),
            session: Some(Uuid::now_v7()),
            idempotency_key: Some("k".into()),
            traceparent: None,
            tracestate: Some("a=1".into()),
            baggage: Some("k=v".into()),
            deadline: Deadline::after(Duration::from_secs(5)),
        };
        let read = read(&meta.properties(Duration::from_secs(2), Some("g")));
        assert_eq!(
            (read.message_id, &read.request_id, &read.caller),
            (meta.message_id, &meta.request_id, &meta.caller)
        );
        assert_eq!((&read.idempotency_key, &read.traceparent), (&meta.idempotency_key, &meta.traceparent));
        let left = read.deadline.remaining();
        assert!(left > Duration::from_millis(4_900) && left <= Duration::from_secs(5), "{left:?}");
    }

    #[test]
    fn without_a_uuid_only_an_identical_request_is_a_repetition() {
        let plain = |reply_to: &str, correlation_id: &str| {
            BasicProperties::default().with_reply_to(reply_to.into()).with_correlation_id(correlation_id.into())
        };
        let mut headers = FieldTable::default();
        headers.insert(CALLER.into(), AMQPValue::LongString("u".into()));
        let id =
            |properties: &BasicProperties, body: &[u8]| RequestMetadata::read(properties, &arrived(body)).message_id;
        let first = id(&plain("q", "1"), b"a");
        assert_eq!(first, id(&plain("q", "1"), b"a"));
        for (other, body) in [
            (plain("q", "1"), &b"b"[..]),
            (plain("q", "2"), b"a"),
            (plain("p", "1"), b"a"),
            (plain("q", "1").with_headers(headers), b"a"),
            (plain("q", "1").with_message_id("1".into()), b"a"),
            (plain("q1", ""), b"a"),
        ] {
            assert_ne!(first, id(&other, body), "{other:?}");
        }
        let named = |packet_id| Arrived { packet_id: Some(packet_id), ..arrived(b"a") };
        let of_nest = |packet_id| RequestMetadata::read(&BasicProperties::default(), &named(packet_id)).message_id;
        assert_eq!(of_nest("x"), of_nest("x"));
        assert_ne!(of_nest("x"), of_nest("y"));
        let uuid = Uuid::now_v7();
        assert_eq!(id(&plain("q", "1").with_message_id(uuid.to_string().into()), b"a"), uuid);
    }

    #[test]
    fn a_request_carries_its_expiration_and_its_return_address() {
        let mut meta = read(&BasicProperties::default());
        meta.deadline = Deadline::after(Duration::from_secs(5));
        let properties = meta.properties(Duration::from_secs(2), Some("g"));
        assert_eq!(properties.expiration().as_ref().unwrap().as_str(), "2000");
        assert_eq!(text_header(&properties, EXPIRED_TO).as_deref(), Some("g"));
        assert_eq!(text_header(&meta.properties(Duration::from_secs(2), None), EXPIRED_TO), None);
    }

    #[test]
    fn the_expiration_counts_whatever_the_time_of_day() {
        let an_hour_ago = i64::try_from(unix_millis()).unwrap() - 3_600_000;
        let both = with_deadline(AMQPValue::LongLongInt(an_hour_ago)).with_expiration("5000".into());
        assert!(read(&both).deadline.remaining() > Duration::from_secs(4));
        assert!(read(&with_deadline(AMQPValue::LongLongInt(an_hour_ago))).deadline.is_past());
        assert!(read(&BasicProperties::default()).deadline.remaining() > Duration::from_secs(29));
        for odd in ["x", "-1", "1e3", "99999999999999999999"] {
            assert!(!read(&BasicProperties::default().with_expiration(odd.into())).deadline.is_past(), "{odd}");
        }
        let forever = BasicProperties::default().with_expiration(u64::MAX.to_string().into());
        assert!(read(&forever).deadline.remaining() <= Duration::from_hours(1));
    }

    #[test]
    fn a_deadline_is_read_from_every_numeric_type() {
        let millis = 1_700_000_000_000_i64;
        for value in [
            AMQPValue::LongLongInt(millis),
            AMQPValue::Double(1.7e12),
            AMQPValue::LongString("1700000000000".into()),
            AMQPValue::LongString(" 1.7e12 ".into()),
            AMQPValue::Timestamp(1_700_000_000),
            AMQPValue::Timestamp(1_700_000_000_000),
        ] {
            assert_eq!(deadline(&with_deadline(value.clone())), Some(Ok(1_700_000_000_000)), "{value:?}");
        }
        for value in [
            AMQPValue::LongInt(7),
            AMQPValue::LongUInt(7),
            AMQPValue::ShortInt(7),
            AMQPValue::ShortUInt(7),
            AMQPValue::ShortShortInt(7),
            AMQPValue::ShortShortUInt(7),
            AMQPValue::Float(7.0),
            AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 700 }),
        ] {
            assert_eq!(deadline(&with_deadline(value.clone())), Some(Ok(7)), "{value:?}");
        }
        for value in [
            AMQPValue::Void,
            AMQPValue::Boolean(true),
            AMQPValue::LongString("soon".into()),
            AMQPValue::LongLongInt(-1),
            AMQPValue::Double(f64::NAN),
            AMQPValue::Double(1e300),
            AMQPValue::DecimalValue(DecimalValue { scale: 255, value: 1 }),
        ] {
            let read = deadline(&with_deadline(value.clone()));
            assert!(read == Some(Err(())) || read == Some(Ok(0)), "{value:?}: {read:?}");
        }
        assert_eq!(deadline(&BasicProperties::default()), None);
    }
}
