//! The packets of NestJS's RabbitMQ transport: the bodies of requests, replies and events.
//!
//! A request is `{"pattern":"orders.create","data":{…},"id":"…"}`. A reply is exactly
//! `{"response":…,"isDisposed":true}` or `{"err":{…},"isDisposed":true}`: with any other key, a Nest client passes the
//! whole envelope to its caller.

use std::borrow::Cow;

use contracts::Fault;
use serde::de::Error;
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
    /// The caller's own id for this request.
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
    pub fn names_another_pattern(&self, pattern: &str) -> bool {
        self.pattern.as_deref().is_some_and(|named| named != pattern)
    }
}

impl<'a> RequestPacket<'a> {
    /// Decodes a packet; the error says what is wrong with it.
    pub fn decode(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        object(body)
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
        object(body)
    }
}

/// Reads an object. Serde would also fill the fields from a list, in the order of their declaration.
fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, serde_json::Error> {
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(serde_json::Error::custom("a packet is an object, not a list"));
    }
    serde_json::from_slice(body)
}

/// The body of an event whose data is JSON text already.
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

/// Decodes the body of a reply; the error says what is wrong with it. Exactly one of `response` and `err` must be present
/// (Nest before 7 sends the other as `null`), and a response must be the last one: no contract has a stream of responses.
pub(crate) fn decode_reply(pattern: &str, body: &[u8]) -> Result<Result<Box<RawValue>, Fault>, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Packet<'a> {
        #[serde(borrow)]
        response: Option<&'a RawValue>,
        #[serde(borrow)]
        err: Option<&'a RawValue>,
        #[serde(borrow)]
        is_disposed: Option<&'a RawValue>,
    }
    let packet: Packet<'_> = object(body).map_err(|_| "it is not a JSON packet")?;
    match (packet.err.filter(|err| err.get() != "null"), packet.response) {
        (Some(_), Some(response)) if response.get() != "null" => Err("it has both `err` and `response`"),
        // Nest's error for an unknown pattern has no `isDisposed`.
        (Some(err), _) => foreign::fault(pattern, err).map(Err).ok_or("its `err` has no known form"),
        (None, _) if packet.is_disposed.is_none_or(|it| it.get() != "true") => Err("its `isDisposed` is not `true`"),
        (None, Some(response)) => Ok(Ok(response.to_owned())),
        // A Nest handler that returns nothing replies without a `response`.
        (None, None) => Ok(Ok(RawValue::NULL.to_owned())),
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
    fn a_request_without_data_or_id_is_accepted() {
        let packet = RequestPacket::decode(br#"{"pattern":"users.profile"}"#).unwrap();
        assert_eq!((packet.data.get(), packet.id.is_none()), ("{}", true));
        assert!(RequestPacket::decode(b"not json").is_err());
    }

    #[test]
    fn a_packet_may_leave_out_its_pattern_but_not_name_another() {
        let wrong = |body: &str| RequestPacket::decode(body.as_bytes()).unwrap().names_another_pattern("orders.get");
        assert!(!wrong("{}") && !wrong(r#"{"pattern":null}"#) && !wrong(r#"{"pattern":"orders.get"}"#));
        assert!(wrong(r#"{"pattern":"get_order"}"#) && wrong(r#"{"pattern":""}"#));
        assert!(RequestPacket::decode(br#"{"pattern":7}"#).is_err());
        assert!(RequestPacket::decode(br#"["orders.get", {}, "7"]"#).is_err());
    }

    #[test]
    fn null_and_an_empty_text_stand_for_an_empty_object() {
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
        let read = |body: &str| decode_reply("orders.get", body.as_bytes()).unwrap();
        assert_eq!(read(r#"{"response":[1],"isDisposed":true}"#).unwrap().get(), "[1]");
        assert_eq!(read(r#"{"err":null,"response":1,"isDisposed":true}"#).unwrap().get(), "1");
        assert_eq!(read(r#"{"isDisposed":true}"#).unwrap().get(), "null");
        let ours = read(r#"{"err":{"code":"email_taken","message":"m"},"isDisposed":true}"#).unwrap_err();
        assert_eq!(ours.code, Code::EmailTaken);
        for nest in [
            r#"{"err":{"status":"error","message":"Internal server error"},"isDisposed":true}"#,
            r#"{"err":{"status":"error","message":"m"},"response":null,"isDisposed":true}"#,
            r#"{"id":"7","err":"There is no matching message handler defined in the remote service.","status":"error"}"#,
        ] {
            assert_eq!(read(nest).unwrap_err().code, Code::Internal, "{nest}");
        }
    }

    #[test]
    fn every_malformed_reply_has_its_own_message() {
        let flaw = |body: &str| decode_reply("orders.get", body.as_bytes()).unwrap_err();
        for body in [
            "nonsense",
            "",
            "[]",
            "7",
            r#""hello""#,
            "{",
            "[1,null,true]",
            r#"{"response":1,"response":2,"isDisposed":true}"#,
        ] {
            assert_eq!(flaw(body), "it is not a JSON packet", "{body}");
        }
        for body in ["{}", r#"{"response":1}"#, r#"{"response":1,"isDisposed":false}"#, r#"{"id":"a","title":"b"}"#] {
            assert_eq!(flaw(body), "its `isDisposed` is not `true`", "{body}");
        }
        assert_eq!(flaw(r#"{"err":"no","response":{},"isDisposed":true}"#), "it has both `err` and `response`");
        assert_eq!(flaw(r#"{"err":7,"isDisposed":true}"#), "its `err` has no known form");
    }
}
