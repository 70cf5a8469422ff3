//! Tests the parsers of untrusted input with generated values: none panics, and each accepts exactly what it should.
//!
//! The parsers of client addresses, access tokens and message framing are tested beside their code.

use std::fmt::Write;

use contracts::Code;
use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH};
use matchit::Params;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::endpoints::event_stream::{LAST_EVENT_ID, last_seen};
use crate::endpoints::rpc::request::{expect_json, from_url, json, query_without};
use crate::http::negotiation::{accepts_gzip, entity_tag, matches_etag};
use crate::http::request_headers::{IDEMPOTENCY_KEY, RequestId, Trace, X_REQUEST_ID, baggage, idempotency_key};

/// Bytes that are valid in a header value.
fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(
        prop_oneof![4 => 0x20_u8..=0x7e, 1 => Just(b'\t'), 1 => 0x80_u8..=0xff, 3 => prop::sample::select(&b"\"\\,;=*/ qW"[..])],
        0..80,
    )
}

fn header(name: &HeaderName, values: &[Vec<u8>]) -> HeaderMap {
    values.iter().map(|value| (name.clone(), HeaderValue::from_bytes(value).unwrap())).collect()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => encoded.push(byte.into()),
            byte => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}

/// The entries of an object in order, with duplicates.
#[derive(Debug)]
struct Entries(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> serde::de::Visitor<'de> for Collect {
            type Value = Entries;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

proptest! {
    #[test]
    fn a_query_becomes_an_object_or_is_rejected(query in "[ -~]{0,60}|[a-c=&%+0-9F-]{0,60}") {
        match from_url(&Params::default(), Some(&query)) {
            Ok(object) => {
                let entries: Entries = serde_json::from_str(object.get()).unwrap();
                let pairs = query.split('&').filter(|pair| !pair.is_empty()).count();
                prop_assert_eq!(entries.0.len(), pairs);
            }
            Err(error) => prop_assert_eq!(error.code(), Code::InvalidInput),
        }
        let rest = query_without(Some(&query), "cursor");
        prop_assert!(rest.len() <= query.len() + 2 * query.split('&').count());
    }

    #[test]
    fn a_query_is_decoded_as_it_was_encoded(pairs in vec((any::<String>(), any::<String>()), 1..6)) {
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let object = from_url(&Params::default(), Some(&query.join("&"))).unwrap();
        let entries: Entries = serde_json::from_str(object.get()).unwrap();
        for ((name, value), (key, entry)) in pairs.iter().zip(&entries.0) {
            prop_assert_eq!(name, key);
            let decoded = entry.as_str().map_or_else(|| entry.to_string(), str::to_owned);
            prop_assert_eq!(value, &decoded);
        }
        prop_assert_eq!(entries.0.len(), pairs.len());
    }

    #[test]
    fn a_body_is_json_or_rejected(body in vec(any::<u8>(), 0..200), depth in 0_usize..30_000) {
        prop_assert_eq!(json(&body).is_ok(), serde_json::from_slice::<&RawValue>(&body).is_ok());
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        prop_assert_eq!(json(deep.as_bytes()).is_ok(), depth > 0);
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_bounded_length(values in vec(value(), 0..3), key in "[!-~]{1,255}") {
        match idempotency_key(&header(&IDEMPOTENCY_KEY, &values)) {
            Ok(None) => prop_assert!(values.is_empty()),
            Ok(Some(key)) => {
                prop_assert!(values.len() == 1 && (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
            }
            Err(error) => prop_assert_eq!(error.code(), Code::InvalidInput),
        }
        let quoted = format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""));
        prop_assert_eq!(idempotency_key(&header(&IDEMPOTENCY_KEY, &[quoted.into_bytes()])).unwrap(), Some(key));
    }

    #[test]
    fn the_last_event_id_is_a_uuid_or_rejected(values in vec(value(), 1..3), id in any::<u128>()) {
        let nothing = RawValue::from_string("{}".into()).unwrap();
        let seen = |values: &[Vec<u8>]| last_seen(&header(&LAST_EVENT_ID, values), &nothing);
        if let Ok(id) = seen(&values) {
            prop_assert!(id.is_some() && values.len() == 1);
        }
        let id = Uuid::from_u128(id);
        prop_assert_eq!(seen(&[id.to_string().into_bytes()]).unwrap(), Some(id));
        prop_assert!(seen(&[id.to_string().into_bytes(), id.to_string().into_bytes()]).is_err());
    }

    #[test]
    fn gzip_is_used_only_if_the_client_names_it(values in vec(value(), 0..3), codings in "[a-z;=,. 0-9*]{0,40}") {
        for headers in [header(&ACCEPT_ENCODING, &values), header(&ACCEPT_ENCODING, &[codings.into_bytes()])] {
            let text = headers.values().map(|value| value.as_bytes().to_ascii_lowercase()).collect::<Vec<_>>().concat();
            let named = text.windows(4).any(|word| word == b"gzip") || text.contains(&b'*');
            prop_assert!(named || !accepts_gzip(&headers));
        }
    }

    #[test]
    fn an_entity_tag_matches_only_if_the_client_sends_it(values in vec(value(), 0..3), weak in any::<bool>(), content in any::<u64>()) {
        let tag = entity_tag(&content.to_be_bytes());
        let any = values.iter().any(|value| value.trim_ascii() == b"*");
        prop_assert_eq!(matches_etag(&header(&IF_NONE_MATCH, &values), &tag), any);
        let listed = format!("\"a,b\" ,{}{}", if weak { "W/" } else { "" }, tag.to_str().unwrap());
        prop_assert!(matches_etag(&header(&IF_NONE_MATCH, &[listed.into_bytes()]), &tag));
    }

    #[test]
    fn forwarded_headers_are_short_and_visible_ascii(values in vec(value(), 0..3)) {
        let fallback = Uuid::nil();
        let id = RequestId::of(&header(&X_REQUEST_ID, &values), fallback);
        prop_assert!((1..=64).contains(&id.as_str().len()) && id.as_str().bytes().all(|b| b.is_ascii_graphic()));
        let mut headers = HeaderMap::new();
        for name in ["traceparent", "tracestate", "baggage"].map(HeaderName::from_static) {
            for value in &values {
                headers.append(&name, HeaderValue::from_bytes(value).unwrap());
            }
        }
        let trace = Trace::of(&headers);
        for text in [trace.parent, trace.state, baggage(&headers)].into_iter().flatten() {
            prop_assert!(text.len() <= 8_192 && text.bytes().all(|b| matches!(b, b'\t' | 0x20..=0x7e)));
        }
        let _ = expect_json(&header(&CONTENT_TYPE, &values));
    }
}
