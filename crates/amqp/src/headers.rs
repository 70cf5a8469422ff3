//! The AMQP headers of requests and events: their names, and how their values are read.

use lapin::BasicProperties;
use lapin::types::AMQPValue;

// Header names. Frozen: other systems read and write them.
/// Names the verified user.
pub const CALLER: &str = "caller";
/// Names the session of the verified user.
pub const SESSION: &str = "session";
/// When the caller stops waiting, in Unix milliseconds by its own clock. For information only: the expiration decides.
pub const DEADLINE: &str = "deadline";
/// How many milliseconds the caller waits; the expiration limits only the wait in the queue.
pub const BUDGET: &str = "budget";
/// Names who gets the request back if it expires in its queue.
pub const EXPIRED_TO: &str = "expired-to";
/// Names the request in logs.
pub const REQUEST_ID: &str = "request-id";
/// Marks repeated requests of one caller as one.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// Vendor data of the trace context.
pub(crate) const TRACESTATE: &str = "tracestate";
/// W3C baggage.
pub(crate) const BAGGAGE: &str = "baggage";
/// Names the user whom an event concerns.
pub const OWNER: &str = "owner";
/// Numbers the events of a service in the order in which they are published.
pub const SEQUENCE: &str = "sequence";
/// How often the handler of a message has failed.
pub(crate) const ATTEMPTS: &str = "attempts";
/// Why a message was dead-lettered.
pub(crate) const REASON: &str = "reason";
/// The first error of its handler.
pub(crate) const FIRST_ERROR: &str = "first-error";
/// The last error of its handler.
pub(crate) const LAST_ERROR: &str = "last-error";
/// Why the frame filter changed a message. A publisher that sets it harms only its own message.
pub(crate) const UNREADABLE: &str = "x-unreadable";
/// The broker's own header, which it reads when it dead-letters a message; a forged one crashes RabbitMQ 3.10.
pub(crate) const DEATH: &str = "x-death";

/// Reads an integer from any of the AMQP types that client libraries write.
pub(crate) fn whole_number(value: &AMQPValue) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is checked to be in range")]
    let rounded = |number: f64| (number.abs() < 9e15).then_some(number.round() as i64);
    match value {
        AMQPValue::ShortShortInt(number) => Some((*number).into()),
        AMQPValue::ShortShortUInt(number) => Some((*number).into()),
        AMQPValue::ShortInt(number) => Some((*number).into()),
        AMQPValue::ShortUInt(number) => Some((*number).into()),
        AMQPValue::LongInt(number) => Some((*number).into()),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::Timestamp(number) => i64::try_from(*number).ok(),
        AMQPValue::Float(number) => rounded((*number).into()),
        AMQPValue::Double(number) => rounded(*number),
        AMQPValue::DecimalValue(number) => rounded(f64::from(number.value) / 10_f64.powi(number.scale.into())),
        AMQPValue::LongString(_) | AMQPValue::ShortString(_) => {
            let text = as_text(value)?;
            let text = text.trim();
            text.parse().ok().or_else(|| rounded(text.parse().ok()?))
        }
        _ => None,
    }
}

/// Why a message must be refused: the frame filter removed something, or a header that decides its effect is not text.
pub(crate) fn unreadable(properties: &BasicProperties) -> Option<String> {
    let wrong = |name: &&&str| {
        let value = properties.headers().as_ref().and_then(|headers| headers.inner().get(**name));
        value.is_some_and(|value| *value != AMQPValue::Void && as_text(value).is_none_or(|text| text.contains('\0')))
    };
    let filtered = || text_header(properties, UNREADABLE);
    filtered()
        .or_else(|| [CALLER, IDEMPOTENCY_KEY].iter().find(wrong).map(|name| format!("its header {name} is not text")))
}

/// Whether the caller takes an expired request that returns to it as proof that no worker began it.
pub(crate) fn relies_on_expiry(properties: &BasicProperties) -> bool {
    properties.headers().as_ref().is_some_and(|headers| headers.inner().contains_key(EXPIRED_TO))
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
