//! Reads the input of a request as JSON: its body unchanged, or an object of its path parameters and query string.

use std::borrow::Cow;

use contracts::{Code, Invalid};
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use matchit::Params;
use serde_json::value::RawValue;

use crate::http::problem::HttpError;
use crate::http::request_headers::only;

/// Rejects a body that is not declared as plain JSON, before it is read.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), HttpError> {
    let declared = only(headers, &CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut codings =
        headers.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let encoded = codings
        .any(|coding| !matches!(coding.trim_ascii(), b"") && !coding.trim_ascii().eq_ignore_ascii_case(b"identity"));
    if declared.is_some_and(is_json) && !encoded {
        Ok(())
    } else {
        Err(HttpError::new(Code::UnsupportedMediaType, "Send plain JSON: Content-Type: application/json."))
    }
}

/// Whether it is `application/json`, with any parameters, but no `charset` other than UTF-8.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The body as JSON text. Only its syntax is checked, without recursion, so deep nesting does no harm.
pub(crate) fn json(body: &[u8]) -> Result<Box<RawValue>, HttpError> {
    serde_json::from_slice(body).map_err(|_| {
        let message = if body.is_empty() { "The body is empty: send JSON." } else { "The body is not JSON in UTF-8." };
        HttpError::new(Code::MalformedJson, message)
    })
}

/// The path parameters and the query string as a JSON object. A whole number becomes a number, any other value a string. A
/// repeated name stays repeated, which the contract rejects.
pub(crate) fn from_url(params: &Params<'_, '_>, query: Option<&str>) -> Result<Box<RawValue>, HttpError> {
    let mut object = Object::default();
    for (name, value) in params.iter() {
        let value = percent_decoded(value, false).ok_or_else(|| undecodable(name))?;
        object.add(name, &value);
    }
    for (name, value) in pairs(query) {
        let name = percent_decoded(name, true).ok_or_else(|| undecodable("query"))?;
        let value = percent_decoded(value, true).ok_or_else(|| undecodable(&name))?;
        object.add(&name, &value);
    }
    Ok(object.finish())
}

/// The pairs of a query string, not decoded.
fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The query string without one of its names.
pub(crate) fn query_without(query: Option<&str>, omitted: &str) -> String {
    let mut rest = String::new();
    for (name, value) in pairs(query) {
        if percent_decoded(name, true).is_some_and(|name| name != omitted) {
            for part in [name, "=", value, "&"] {
                rest.push_str(part);
            }
        }
    }
    rest
}

fn undecodable(field: &str) -> HttpError {
    Invalid::field(field, "must be UTF-8, percent-encoded").into()
}

/// Decodes percent-encoding; in a query string `+` is a space. `None` if the result is not text.
fn percent_decoded(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit()? * 16 + digit()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Builds a JSON object.
#[derive(Default)]
struct Object(Vec<u8>);

impl Object {
    fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.string(name);
        self.0.push(b':');
        if is_whole_number(value) { self.0.extend_from_slice(value.as_bytes()) } else { self.string(value) }
    }

    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut self.0, text).expect("a string always serialises into memory");
    }

    fn finish(mut self) -> Box<RawValue> {
        self.0.extend_from_slice(if self.0.is_empty() { b"{}" } else { b"}" });
        serde_json::from_slice(&self.0).expect("names, strings and whole numbers make an object")
    }
}

fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = digits == "0" || (!digits.is_empty() && !digits.starts_with('0'));
    canonical && digits.bytes().all(|b| b.is_ascii_digit()) && text != "-0"
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn object(path: &str, query: &str) -> Result<String, Code> {
        let mut router = matchit::Router::new();
        router.insert("/{id}", ()).unwrap();
        let found = router.at(path).unwrap();
        from_url(&found.params, Some(query)).map(|raw| raw.get().to_owned()).map_err(|error| error.code())
    }

    #[test]
    fn path_and_query_become_an_object() {
        assert_eq!(object("/a%20b%2Fc", "").unwrap(), r#"{"id":"a b/c"}"#);
        assert_eq!(object("/a+b", "x=a+b%26&&y&z=").unwrap(), r#"{"id":"a+b","x":"a b&","y":"","z":""}"#);
        assert_eq!(object("/a", r#"%22q="\"#).unwrap(), r#"{"id":"a","\"q":"\"\\"}"#);
        assert_eq!(from_url(&Params::default(), None).unwrap().get(), "{}");
    }

    #[test]
    fn only_canonical_whole_numbers_become_numbers() {
        for number in ["0", "7", "-7", "100", "123456789012345678901234567890"] {
            assert_eq!(object("/a", &format!("n={number}")).unwrap(), format!(r#"{{"id":"a","n":{number}}}"#));
        }
        for text in ["-0", "007", "1.5", "1e3", "-", "", "0x1", "1_000"] {
            assert_eq!(object("/a", &format!("n={text}")).unwrap(), format!(r#"{{"id":"a","n":"{text}"}}"#));
        }
        assert_eq!(object("/a", "n=+1").unwrap(), r#"{"id":"a","n":" 1"}"#);
    }

    #[test]
    fn invalid_encoding_is_rejected() {
        for bad in ["/%", "/%4", "/%zz", "/%ff", "/%+1"] {
            assert_eq!(object(bad, ""), Err(Code::InvalidInput), "{bad}");
        }
        assert_eq!(object("/a", "x=%ff"), Err(Code::InvalidInput));
        assert_eq!(object("/a", "%ff=x"), Err(Code::InvalidInput));
    }

    #[test]
    fn a_repeated_name_is_rejected_by_the_contract() {
        use contracts::Request;
        let raw = from_url(&Params::default(), Some("limit=1&limit=2")).unwrap();
        let errors = contracts::orders::ListOrders::decode(&raw).unwrap_err();
        assert_eq!(serde_json::to_string(&errors).unwrap(), r#"{"limit":["is given more than once: send it once"]}"#);
    }

    #[test]
    fn a_name_can_be_removed_from_a_query() {
        assert_eq!(query_without(Some("limit=5&cursor=x&c%75rsor=y&a=%20"), "cursor"), "limit=5&a=%20&");
        assert_eq!(query_without(None, "cursor"), "");
    }

    #[test]
    fn only_plain_json_is_accepted() {
        let verdict = |values: &[&str]| {
            let headers: HeaderMap =
                values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_str(value).unwrap())).collect();
            expect_json(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"; q=1"] {
            assert!(verdict(&[good]), "{good}");
        }
        for bad in ["", "text/json", "application/json; charset=latin1", "application/jsonx", "application/merge+json"]
        {
            assert!(!verdict(&[bad]), "{bad}");
        }
        assert!(!verdict(&[]) && !verdict(&["application/json", "application/json"]));
        let encoded = |values: &[&'static str]| {
            let codings = values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)));
            let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
            expect_json(&codings.chain([json]).collect()).is_err()
        };
        assert!(!encoded(&[]) && !encoded(&["identity"]) && !encoded(&["Identity, identity", ""]));
        for bad in [&["gzip"][..], &["identity", "gzip"], &["gzip", "identity"], &["identity, br"], &["x"]] {
            assert!(encoded(bad), "{bad:?}");
        }
    }

    #[test]
    fn syntax_is_checked_at_any_depth() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(json(deep(20_000).as_bytes()).is_ok());
        for bad in ["", " ", "{", "nope", "{}{}", "{'a':1}", "\u{feff}{}", "[1,]", "NaN", &deep(20_000)[1..]] {
            assert_eq!(json(bad.as_bytes()).err().unwrap().code(), Code::MalformedJson, "{bad:.20}");
        }
        assert!(json(b"\"\xff\"").is_err());
    }
}
