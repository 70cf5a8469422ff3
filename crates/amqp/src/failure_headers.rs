//! The headers of a message whose handler failed: the reason, the number of attempts, the first and the last error.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::headers::{ATTEMPTS, DEATH, FIRST_ERROR, LAST_ERROR, REASON, UNREADABLE, text_header, whole_number};
use crate::topology::dead_queue;
use crate::transport::header_table::MALFORMED;

/// Headers that brokers and our frame filter add. A copy leaves them out, or they would grow without bound.
const ADDED_IN_TRANSIT: [&str; 10] = [
    UNREADABLE,
    DEATH,
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
    "x-delivery-count",
    "x-acquired-count",
];
/// A header with a higher number is not believed.
const MOST_ATTEMPTS: u32 = 1_000_000;
/// Errors are truncated to this many characters: all headers of a message must fit one frame.
const LONGEST_ERROR: usize = 500;

/// A failure that is added to a message.
#[derive(Clone, Copy)]
pub(crate) struct Failed<'a> {
    /// Why the message is dead-lettered; `None` if it is only retried later.
    pub(crate) reason: Option<&'a str>,
    pub(crate) error: &'a str,
}

/// How often the handler of this message has failed.
pub(crate) fn attempts(properties: &BasicProperties) -> u32 {
    let headers = properties.headers().as_ref();
    match headers.and_then(|headers| headers.inner().get(ATTEMPTS)) {
        Some(attempts) => {
            let attempts = whole_number(attempts).and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(0);
            attempts.min(MOST_ATTEMPTS)
        }
        None => 0,
    }
}

/// What is wrong with the `x-death` header of a message in this queue; `None` if a broker wrote it.
pub(crate) fn forged_death(properties: &BasicProperties, queue: &str) -> Option<&'static str> {
    let death = properties.headers().as_ref()?.inner().get(DEATH)?;
    let is_sound = |death: &AMQPValue| {
        let AMQPValue::FieldTable(death) = death else { return false };
        let of = |name: &str| death.inner().get(name);
        let is_text = |name| matches!(of(name), Some(AMQPValue::LongString(_)));
        let count = matches!(of("count"), None | Some(AMQPValue::LongLongInt(_)));
        // Nothing is dead-lettered out of the dead-letter queue. A broker would take such a message for a cycle and drop it.
        let cycle =
            matches!(of("queue"), Some(AMQPValue::LongString(name)) if name.as_bytes() == dead_queue(queue).as_bytes());
        is_text("queue") && is_text("reason") && count && !cycle
    };
    match death {
        AMQPValue::FieldArray(deaths) if deaths.as_slice().iter().all(is_sound) => None,
        _ => Some("its header x-death was not written by a broker"),
    }
}

/// Whether the broker can dead-letter a message that is unreadable for this reason. It reads `x-death` when it does, so it
/// must not if that header is, or may be, malformed.
pub(crate) fn is_for_the_broker(unreadable: &str) -> bool {
    !unreadable.contains(DEATH) && unreadable != MALFORMED
}

/// The properties of a message that failed once more.
pub(crate) fn with_failure(before: &BasicProperties, failed: Failed<'_>) -> BasicProperties {
    let mut headers = clean(before);
    let error: String = failed.error.chars().take(LONGEST_ERROR).collect();
    let error = AMQPValue::LongString(error.as_str().into());
    let attempts = i32::try_from(attempts(before)).unwrap_or(i32::MAX).saturating_add(1);
    headers.insert(ATTEMPTS.into(), AMQPValue::LongInt(attempts));
    if text_header(before, FIRST_ERROR).is_none() {
        headers.insert(FIRST_ERROR.into(), error.clone());
    }
    headers.insert(LAST_ERROR.into(), error);
    if let Some(reason) = failed.reason {
        headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
    }
    before.clone().with_headers(headers)
}

/// The properties of a message without its failure headers, for a fresh start.
pub(crate) fn without_failures(before: &BasicProperties) -> BasicProperties {
    let headers = clean(before)
        .inner()
        .iter()
        .filter(|(name, _)| ![ATTEMPTS, REASON, FIRST_ERROR, LAST_ERROR].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<std::collections::BTreeMap<_, _>>();
    before.clone().with_headers(headers.into())
}

fn clean(properties: &BasicProperties) -> FieldTable {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        if !ADDED_IN_TRANSIT.contains(&name.as_str()) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// The failure headers of a dead-lettered message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureInfo {
    /// Why it was dead-lettered; the broker's own word (`delivery_limit`, …) if the broker did it.
    pub reason: Option<String>,
    /// How often its handler failed.
    pub attempts: u32,
    /// The first error.
    pub first_error: Option<String>,
    /// The last one.
    pub last_error: Option<String>,
}

impl FailureInfo {
    /// Reads the headers.
    pub(crate) fn read(properties: &BasicProperties) -> Self {
        let text = |name| text_header(properties, name);
        let reason = text(REASON).or_else(|| text("x-last-death-reason")).or_else(|| text("x-first-death-reason"));
        Self { reason, attempts: attempts(properties), first_error: text(FIRST_ERROR), last_error: text(LAST_ERROR) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_stays_and_the_last_one_changes() {
        let fail = |before: &BasicProperties, error, reason| with_failure(before, Failed { reason, error });
        let once = fail(&BasicProperties::default(), "one", None);
        let twice = fail(&once, "two", None);
        let dead = fail(&twice, &"x".repeat(9_000), Some("the handler failed"));
        let info = FailureInfo::read(&dead);
        assert_eq!((info.attempts, info.first_error.as_deref()), (3, Some("one")));
        assert_eq!(info.last_error.map(|error| error.len()), Some(LONGEST_ERROR));
        assert_eq!(info.reason.as_deref(), Some("the handler failed"));
        assert_eq!(FailureInfo::read(&twice).last_error.as_deref(), Some("two"));
    }

    #[test]
    fn a_redriven_message_has_no_failure_headers() {
        let mut headers = FieldTable::default();
        headers.insert("owner".into(), AMQPValue::LongString("u".into()));
        headers.insert("x-death".into(), AMQPValue::LongString("…".into()));
        let alive = BasicProperties::default().with_headers(headers);
        let dead = with_failure(&alive, Failed { reason: Some("r"), error: "e" });
        let again = without_failures(&dead);
        assert_eq!(FailureInfo::read(&again), FailureInfo::default());
        assert_eq!(again.headers().as_ref().unwrap().inner().len(), 1);
    }
}
