//! Request headers: request id, trace context, idempotency key. All are validated.

use contracts::Invalid;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use uuid::Uuid;

use crate::http::problem::HttpError;

/// The largest head, in bytes: the request line and all headers. Node.js has the same limit.
pub(crate) const HEAD_LIMIT: usize = 16 * 1024;

/// The id of a request in logs and responses; the client may choose it.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The client's key for repeated requests (IETF draft `idempotency-key-header`).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

const LONGEST_REQUEST_ID: usize = 64;
const LONGEST_KEY: usize = 255;
/// The lengths that the W3C requires every system to propagate.
const LONGEST_TRACESTATE: usize = 512;
const LONGEST_BAGGAGE: usize = 8_192;

/// The id of a request, validated.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The client's id if it is safe to log and to echo, otherwise `fallback`.
    pub(crate) fn of(headers: &HeaderMap, fallback: Uuid) -> Self {
        match only(headers, &X_REQUEST_ID) {
            Some(id) if is_request_id(id.as_bytes()) => Self(id.clone()),
            _ => Self::from(fallback),
        }
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The header value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).expect("a UUID is visible ASCII"))
    }
}

fn is_request_id(id: &[u8]) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

/// The trace that a request is part of (W3C Trace Context).
pub(crate) struct Trace {
    pub(crate) parent: Option<String>,
    /// The `tracestate`; ignored without a parent.
    pub(crate) state: Option<String>,
}

impl Trace {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let parent = traceparent(headers);
        let state = parent.as_ref().and_then(|_| list(headers, &TRACESTATE, LONGEST_TRACESTATE));
        Self { parent, state }
    }
}

/// The baggage of the request (W3C Baggage).
pub(crate) fn baggage(headers: &HeaderMap) -> Option<String> {
    list(headers, &BAGGAGE, LONGEST_BAGGAGE)
}

/// The values of a list header, joined; `None` if it is empty, too long, or not visible ASCII.
fn list(headers: &HeaderMap, name: &HeaderName, longest: usize) -> Option<String> {
    if !headers.contains_key(name) {
        return None;
    }
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().ok()).collect::<Option<_>>()?;
    let values = values.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect::<Vec<_>>().join(",");
    (1..=longest).contains(&values.len()).then_some(values)
}

/// The `traceparent`, if it is well-formed by W3C Trace Context.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    only(headers, &TRACEPARENT)?.to_str().ok().filter(|text| is_traceparent(text)).map(str::to_owned)
}

fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let [version, trace, parent, flags] = parts[..] else { return false };
    (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2)
        && parts.iter().all(|part| hex(part))
        && version != "ff"
        && !zero(trace)
        && !zero(parent)
}

/// The idempotency key, if any: a structured-field string (`"…"`), or the bare key that many clients send.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    const RULE: &str = "must be one key of 1 to 255 visible ASCII characters, with or without quotation marks";
    if !headers.contains_key(IDEMPOTENCY_KEY) {
        return Ok(None);
    }
    let key = only(headers, &IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok()).and_then(unquoted);
    let valid = |key: &String| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    match key.filter(valid) {
        Some(key) => Ok(Some(key)),
        None => Err(Invalid::field("Idempotency-Key", RULE).into()),
    }
}

/// The text of a structured-field string (RFC 9651), or the text itself if it is not quoted.
fn unquoted(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains(['"', '\\'])).then(|| text.to_owned());
    };
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.strip_suffix('"')?.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return None,
            c => key.push(c),
        }
    }
    Some(key)
}

/// The value of a header that occurs exactly once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_safe_request_id_is_kept_and_any_other_replaced() {
        let fallback = Uuid::now_v7();
        let kept =
            |values: &[&str]| RequestId::of(&headers(&X_REQUEST_ID, values), fallback).as_str() != fallback.to_string();
        assert!(kept(&["a"]) && kept(&["A.b_c:d-9"]) && kept(&[&"x".repeat(64)]));
        for bad in ["", "a b", "a\tb", "<script>", "a,b", "ä", "{{x}}", &"x".repeat(65)] {
            assert!(!kept(&[bad]), "{bad:?}");
        }
        assert!(!kept(&["a", "a"]) && !kept(&[]));
    }

    #[test]
    fn a_traceparent_is_forwarded_only_if_it_is_well_formed() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traceparent(&headers(&TRACEPARENT, &[good])).as_deref(), Some(good));
        for bad in [
            "",
            "00",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
        ] {
            assert_eq!(traceparent(&headers(&TRACEPARENT, &[bad])), None, "{bad}");
        }
    }

    #[test]
    fn tracestate_and_baggage_are_forwarded_up_to_a_limit() {
        let parent = (TRACEPARENT, HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        let state = |values: &[&str]| {
            let mut headers = headers(&TRACESTATE, values);
            assert!(Trace::of(&headers).state.is_none(), "nothing without a parent");
            headers.extend([parent.clone()]);
            Trace::of(&headers).state
        };
        assert_eq!(state(&["a=1,b=2"]).as_deref(), Some("a=1,b=2"));
        assert_eq!(state(&["a=1", "", " b=2 "]).as_deref(), Some("a=1,b=2"));
        for bad in [&[][..], &[""], &["ä=1"], &[&"x".repeat(513)], &[&"x".repeat(300), &"y".repeat(300)]] {
            assert_eq!(state(bad), None, "{bad:?}");
        }
        let carried = |values: &[&str]| baggage(&headers(&BAGGAGE, values));
        assert_eq!(carried(&["user=1;p, k=v%20w", "z=2"]).as_deref(), Some("user=1;p, k=v%20w,z=2"));
        assert_eq!(carried(&[&"x".repeat(8_192)]).map(|text| text.len()), Some(8_192));
        assert_eq!(carried(&[&"x".repeat(8_193)]), None);
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotation_marks() {
        let key = |values: &[&str]| idempotency_key(&headers(&IDEMPOTENCY_KEY, values)).ok();
        assert_eq!(key(&[]), Some(None));
        assert_eq!(key(&["abc-1"]), Some(Some("abc-1".into())));
        assert_eq!(key(&["\"abc-1\""]), Some(Some("abc-1".into())));
        assert_eq!(key(&[r#""a\"b\\c""#]), Some(Some(r#"a"b\c"#.into())));
        assert_eq!(key(&[&"x".repeat(255)]), Some(Some("x".repeat(255))));
        let long = "x".repeat(256);
        for bad in ["", "\"\"", "\"", "\"a", "a\"", r#""a"b""#, r#""a\b""#, r#""a\""#, "a b", "\"a b\"", "ä", &long] {
            assert_eq!(key(&[bad]), None, "{bad:?}");
        }
        assert_eq!(key(&["a", "a"]), None);
    }
}
