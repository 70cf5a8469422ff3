//! The metadata of an event, in AMQP properties and headers.

use std::time::{SystemTime, UNIX_EPOCH};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use uuid::Uuid;

use crate::headers::{OWNER, REQUEST_ID, SEQUENCE, TRACEPARENT, text_header, whole_number};
use crate::protocol::PERSISTENT;

/// Everything about an event except its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMetadata {
    /// The event's identity, the same at each delivery: its listeners apply it once.
    pub id: Uuid,
    /// The user whom it concerns.
    pub owner: Option<String>,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// W3C trace context of that request.
    pub traceparent: Option<String>,
    /// Its number in the order in which its service publishes, the same at each publication.
    pub sequence: Option<i64>,
}

impl EventMetadata {
    pub(crate) fn properties(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in [(OWNER, &self.owner), (REQUEST_ID, &self.request_id), (TRACEPARENT, &self.traceparent)] {
            if let Some(value) = value {
                headers.insert(name.into(), AMQPValue::LongString(value.as_bytes().into()));
            }
        }
        if let Some(sequence) = self.sequence {
            headers.insert(SEQUENCE.into(), AMQPValue::LongLongInt(sequence));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(self.id.to_string().into())
            .with_timestamp(now)
            .with_headers(headers)
    }

    /// Reads it; `None` if the message has no id, because then duplicates cannot be detected. An id that is not a UUID is
    /// mapped to one.
    pub(crate) fn read(properties: &BasicProperties) -> Option<Self> {
        let id = properties.message_id().as_ref().map(ShortString::as_str).filter(|id| !id.trim().is_empty())?;
        let sequence = properties.headers().as_ref().and_then(|headers| headers.inner().get(SEQUENCE));
        Some(Self {
            id: Uuid::try_parse(id).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())),
            owner: text_header(properties, OWNER),
            request_id: text_header(properties, REQUEST_ID),
            traceparent: text_header(properties, TRACEPARENT),
            sequence: sequence.and_then(whole_number).filter(|sequence| *sequence > 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_relay_writes_the_listener_reads() {
        let meta = EventMetadata {
            id: Uuid::now_v7(),
            owner: Some("u-1".into()),
            request_id: Some("r-1".into()),
            traceparent: None,
            sequence: Some(i64::MAX),
        };
        assert_eq!(EventMetadata::read(&meta.properties()), Some(meta));
        assert_eq!(EventMetadata::read(&BasicProperties::default()), None);
    }

    #[test]
    fn an_id_that_is_not_a_uuid_is_mapped_to_one() {
        let read =
            |id: &str| EventMetadata::read(&BasicProperties::default().with_message_id(id.into())).map(|meta| meta.id);
        assert_eq!(read("order-7"), read("order-7"));
        assert_ne!(read("order-7"), read("order-8"));
        assert_eq!(read(" "), None);
    }
}
