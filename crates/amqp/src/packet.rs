//! The packets of NestJS's RabbitMQ transport: the bodies of requests, replies and events.
//!
//! A request is `{"pattern":"orders.create","data":{…},"id":"…"}`. A reply is exactly
//! `{"response":…,"isDisposed":true}` or `{"err":{…},"isDisposed":true}`: with any other key, a Nest client passes the
//! whole envelope to its caller.

use std::borrow::Cow;

use contracts::Fault;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::foreign;

/// The body of a request. `data` stays text: only the worker that knows its type decodes it.
#[derive(Serialize, Deserialize)]
pub struct RequestPacket<'a> {
    /// The pattern; if absent, the one whose queue the packet is in.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Cow<'a, str>>,
    /// The message; if absent, an empty object.
    #[serde(borrow, default = "empty")]
    pub data: &'a RawValue,
    /// The caller's own id of this request.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
}

fn empty() -> &'static RawValue {
    serde_json::from_str("{}").expect("a constant JSON text")
}

impl RequestPacket<'_> {
    /// The message. `null` and `""`, as in Nest's `send(pattern, '')`, also stand for an empty object.
    pub fn message(&self) -> &RawValue {
        if matches!(self.data.get(), "null" | "\"\"") { empty() } else { self.data }
    }

    /// Whether it names another pattern than the one whose queue it is in.
    pub fn asks_for_another(&self, pattern: &str) -> bool {
        self.pattern.as_deref().is_some_and(|asked| asked != pattern)
    }
}

impl<'a> RequestPacket<'a> {
    /// Decodes a packet; the error says what is wrong with it.
    pub fn decode(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Encodes a packet.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and raw JSON always serialise")
    }
}

/// The body of an event: exactly these two keys. With an `id`, Nest would take it for a request.
#[derive(Serialize, Deserialize)]
pub struct EventPacket<'a> {
    /// The event's name.
    #[serde(borrow)]
    pub pattern: Cow<'a, str>,
    /// The event's data.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

impl<'a> EventPacket<'a> {
    /// Decodes a packet; the error says what is wrong with it.
    pub fn decode(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

/// The body of an event whose data is already JSON text.
pub(crate) fn encode_event(name: &str, data: &str) -> Vec<u8> {
    let name = serde_json::to_string(name).expect("a string always serialises");
    format!(r#"{{"pattern":{name},"data":{data}}}"#).into_bytes()
}

/// The body of a successful reply.
pub fn encode_response(response: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Packet<'a, T> {
        response: &'a T,
        is_disposed: bool,
    }
    serde_json::to_vec(&Packet { response, is_disposed: true })
}

/// The body of a reply with a fault.
pub fn encode_fault(fault: &Fault) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Packet<'a> {
        err: &'a Fault,
        is_disposed: bool,
    }
    serde_json::to_vec(&Packet { err: fault, is_disposed: true }).expect("a fault always serialises")
}

/// Decodes the body of a reply; `None` if it is not a reply.
pub(crate) fn decode_reply(pattern: &str, body: &[u8]) -> Option<Result<Box<RawValue>, Fault>> {
    #[derive(Deserialize)]
    struct Packet<'a> {
        #[serde(borrow)]
        response: Option<&'a RawValue>,
        #[serde(borrow)]
        err: Option<&'a RawValue>,
    }
    let packet: Packet<'_> = serde_json::from_slice(body).ok()?;
    match (packet.err.filter(|err| err.get() != "null"), packet.response) {
        (Some(err), _) => Some(Err(foreign::fault(pattern, err))),
        (None, Some(response)) => Some(Ok(response.to_owned())),
        // A Nest handler that returns nothing replies without a `response`.
        (None, None) => Some(Ok(RawValue::NULL.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use contracts::Code;

    use super::*;

    #[test]
    fn a_request_is_written_as_nest_writes_it() {
        let data: &RawValue = serde_json::from_str(r#"{"title":"x"}"#).unwrap();
        let packet = RequestPacket { pattern: Some("orders.create".into()), data, id: Some("7".into()) };
        assert_eq!(packet.encode(), br#"{"pattern":"orders.create","data":{"title":"x"},"id":"7"}"#);
    }

    #[test]
    fn a_request_without_data_or_id_is_understood() {
        let packet = RequestPacket::decode(br#"{"pattern":"users.profile"}"#).unwrap();
        assert_eq!((packet.data.get(), packet.id.is_none()), ("{}", true));
        assert!(RequestPacket::decode(b"not json").is_err());
    }

    #[test]
    fn a_packet_may_leave_out_its_pattern_but_not_name_another() {
        let asks = |body: &str| RequestPacket::decode(body.as_bytes()).unwrap().asks_for_another("orders.get");
        assert!(!asks("{}") && !asks(r#"{"pattern":null}"#) && !asks(r#"{"pattern":"orders.get"}"#));
        assert!(asks(r#"{"pattern":"get_order"}"#) && asks(r#"{"pattern":""}"#));
        assert!(RequestPacket::decode(br#"{"pattern":7}"#).is_err());
    }

    #[test]
    fn nothing_is_an_empty_object_however_it_is_written() {
        for (data, message) in [("null", "{}"), (r#""""#, "{}"), ("{}", "{}"), ("[]", "[]"), (r#"" ""#, r#"" ""#)] {
            let body = format!(r#"{{"data":{data}}}"#);
            assert_eq!(RequestPacket::decode(body.as_bytes()).unwrap().message().get(), message);
        }
    }

    #[test]
    fn an_event_is_written_as_nest_writes_it() {
        let body = encode_event("order.created", r#"{"a":1}"#);
        assert_eq!(body, br#"{"pattern":"order.created","data":{"a":1}}"#);
        assert_eq!(EventPacket::decode(&body).unwrap().data.get(), r#"{"a":1}"#);
    }

    #[test]
    fn replies_have_exactly_the_keys_nest_expects() {
        assert_eq!(encode_response(&7).unwrap(), br#"{"response":7,"isDisposed":true}"#);
        let fault = Fault::new(Code::OrderNotFound, "No.");
        assert_eq!(encode_fault(&fault), br#"{"err":{"code":"order_not_found","message":"No."},"isDisposed":true}"#);
    }

    #[test]
    fn replies_of_ours_and_of_nest_are_read() {
        let read = |body: &str| decode_reply("orders.get", body.as_bytes());
        assert_eq!(read(r#"{"response":[1],"isDisposed":true}"#).unwrap().unwrap().get(), "[1]");
        assert_eq!(read(r#"{"err":null,"response":1}"#).unwrap().unwrap().get(), "1");
        assert_eq!(read(r#"{"isDisposed":true}"#).unwrap().unwrap().get(), "null");
        let ours = read(r#"{"err":{"code":"email_taken","message":"m"}}"#).unwrap().unwrap_err();
        assert_eq!(ours.code, Code::EmailTaken);
        let nest = read(r#"{"err":{"status":"error","message":"Internal server error"}}"#).unwrap().unwrap_err();
        assert_eq!(nest.code, Code::Internal);
        assert!(read("nonsense").is_none());
    }
}
