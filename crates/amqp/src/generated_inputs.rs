//! Property tests of the parsers that read untrusted messages: none panics, and the library can read whatever the
//! filter lets through.
//!
//! Inputs that failed once are kept in `proptest-regressions/` and tried first.

use std::time::Instant;

use lapin::BasicProperties;
use lapin::types::parsing::parse_field_table;
use lapin::types::{AMQPValue, FieldTable};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::events::metadata::EventMetadata;
use crate::failure_headers::{FailureInfo, attempts, with_failure, without_failures};
use crate::headers::{UNREADABLE, unreadable};
use crate::packet::{EventPacket, RequestPacket, decode_reply};
use crate::rpc::metadata::{Arrived, RequestMetadata, age};
use crate::transport::frame_filter::{FrameFilter, Limits};
use crate::transport::header_table::Table;

const LIMITS: Limits = Limits { table: 7 * 1024, body: 1024 };

fn named(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[u8::try_from(name.len()).unwrap_or(0)][..], name, value].concat()
}

fn long(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(content.len()).unwrap_or(0).to_be_bytes(), content].concat()
}

/// A field value as bytes, mostly valid, nested up to twelve levels deep.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop_oneof![
        Just((b't', 1)),
        Just((b'b', 1)),
        Just((b's', 2)),
        Just((b'I', 4)),
        Just((b'l', 8)),
        Just((b'f', 4)),
        Just((b'd', 8)),
        Just((b'D', 5)),
        Just((b'T', 8)),
        Just((b'V', 0)),
        Just((b'?', 3)),
    ];
    let leaf = prop_oneof![
        4 => (fixed, vec(any::<u8>(), 8)).prop_map(|((kind, length), bytes)| [&[kind][..], &bytes[..length]].concat()),
        2 => vec(any::<u8>(), 0..64).prop_map(|content| long(b'S', &content)),
        1 => vec(any::<u8>(), 0..64).prop_map(|content| long(b'x', &content)),
        1 => (0_usize..20_000).prop_map(|size| long(b'S', &vec![b'x'; size])),
    ];
    leaf.prop_recursive(12, 64, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| long(b'A', &values.concat())),
            vec((name(), inner), 0..4).prop_map(|all| long(
                b'F',
                &all.into_iter().flat_map(|(name, it)| named(&name, &it)).collect::<Vec<_>>()
            )),
        ]
    })
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "(caller|deadline|attempts|owner|idempotency-key|reason|first-error|request-id)".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..20),
    ]
}

/// A header table, sometimes with a changed byte or cut short.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let sound = vec((name(), value()), 0..8)
        .prop_map(|entries| entries.into_iter().flat_map(|(name, it)| named(&name, &it)).collect::<Vec<u8>>());
    (sound, any::<prop::sample::Index>(), any::<u8>(), 0..4).prop_map(|(mut table, at, byte, how)| {
        if !table.is_empty() {
            let at = at.index(table.len());
            match how {
                0 => table[at] = byte,
                1 => table.truncate(at),
                _ => {}
            }
        }
        table
    })
}

fn parsed(table: &[u8]) -> Option<FieldTable> {
    let bytes = [&u32::try_from(table.len()).ok()?.to_be_bytes()[..], table].concat();
    parse_field_table(&bytes[..]).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, table)| table)
}

proptest! {
    #[test]
    fn what_is_left_of_any_table_can_be_read(table in table()) {
        let kept = Table::within(&table, LIMITS.table);
        let encoded = kept.encode(UNREADABLE);
        prop_assert!(encoded.len() <= LIMITS.table + 200);
        let headers = parsed(&encoded);
        prop_assert!(headers.is_some(), "{encoded:?}");
        // Whatever it holds, every reader of it returns.
        let properties = BasicProperties::default().with_headers(headers.unwrap_or_default());
        let request = Arrived { at: Instant::now(), pattern: "p", packet_id: None, body: b"" };
        let meta = RequestMetadata::read(&properties, &request);
        prop_assert!(meta.request_id.len() <= 256);
        let _ = (age(&properties), unreadable(&properties), EventMetadata::read(&properties), FailureInfo::read(&properties));
        let failed = with_failure(&properties, crate::failure_headers::Failed { reason: Some("r"), error: "e" });
        prop_assert_eq!(attempts(&failed), attempts(&properties) + 1);
        prop_assert_eq!(attempts(&without_failures(&failed)), 0);
    }

    #[test]
    fn any_bytes_pass_the_filter_or_end_the_connection_and_in_pieces_as_in_one(
        frames in vec((0_u8..10, 0_u8..3, vec(any::<u8>(), 0..300)), 0..6),
        size in 1_usize..50,
    ) {
        let mut stream = Vec::new();
        for (kind, channel, payload) in frames {
            stream.extend([kind, 0, channel]);
            stream.extend(long(0, &payload).split_off(1));
            stream.push(0xce);
        }
        let read = |size: usize| {
            let (mut filter, mut output) = (FrameFilter::new(LIMITS), Vec::new());
            stream.chunks(size).try_for_each(|piece| filter.feed(piece, &mut output)).map(|()| output).ok()
        };
        prop_assert_eq!(read(size), read(stream.len().max(1)));
    }

    #[test]
    fn no_body_ends_a_parser(body in vec(any::<u8>(), 0..300), text in "\\PC{0,60}", depth in 0_usize..5_000) {
        let deep = format!("{{\"data\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let shaped = format!("{{\"pattern\":\"p\",\"data\":{text},\"id\":\"{text}\",\"response\":{text}}}");
        for body in [&body[..], text.as_bytes(), deep.as_bytes(), shaped.as_bytes()] {
            let packet = RequestPacket::decode(body);
            let _ = packet.as_ref().map(|packet| (packet.message().get().len(), packet.names_another_pattern("p")));
            let _ = (EventPacket::decode(body).is_ok(), decode_reply("orders.get", body).is_ok());
        }
    }

    #[test]
    fn the_same_request_has_the_same_identity_and_another_has_another(
        correlation in "[a-z0-9]{1,20}", body in vec(any::<u8>(), 0..100), other in vec(any::<u8>(), 0..100), caller in "[a-z]{0,8}",
    ) {
        let mut headers = FieldTable::default();
        headers.insert("caller".into(), AMQPValue::LongString(caller.as_bytes().into()));
        let properties = BasicProperties::default().with_correlation_id(correlation.into()).with_headers(headers);
        let id = |body| {
            RequestMetadata::read(&properties, &Arrived { at: Instant::now(), pattern: "p", packet_id: None, body }).message_id
        };
        prop_assert_eq!(id(&body), id(&body));
        prop_assert_eq!(id(&body) == id(&other), body == other);
    }
}
