//! Content coding and conditional requests: gzip, entity tags, 304 (RFC 9110).

use std::io::Write;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use hyper::{HeaderMap, Response, StatusCode};

use crate::http::response_body::Body;

/// The length of a tag's hash; collisions are negligible.
const TAG_BYTES: usize = 16;

/// A strong entity tag: equal only for equal bytes.
pub(crate) fn entity_tag(bytes: &[u8]) -> HeaderValue {
    tag(bytes, "")
}

/// A weak entity tag: equal for equal content, whatever its coding.
pub(crate) fn weak_entity_tag(content: &[u8]) -> HeaderValue {
    tag(content, "W/")
}

fn tag(bytes: &[u8], prefix: &str) -> HeaderValue {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, bytes).as_ref()[..TAG_BYTES]);
    HeaderValue::try_from(format!("{prefix}\"{hash}\"")).expect("base64 is visible ASCII")
}

/// Whether `If-None-Match` matches a tag by weak comparison (RFC 9110, sections 8.8.3.2 and 13.1.2), or is `*`.
pub(crate) fn matches_etag(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let ours = opaque(tag.as_bytes());
    let mut values = request.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
    values.any(|value| value.trim_ascii() == b"*" || tags(value).any(|named| Some(named) == ours))
}

/// The tags of a list, without `W/` and quotation marks. A malformed tag ends the list.
fn tags(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let begin = list.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let item = &list[begin..];
        let named = opaque(item)?;
        let prefix = if item.starts_with(b"W/") { 2 } else { 0 };
        list = &item[prefix + named.len() + 2..];
        Some(named)
    })
}

/// The text between the quotation marks of the tag that a text starts with; it may contain commas.
fn opaque(text: &[u8]) -> Option<&[u8]> {
    let quoted = text.strip_prefix(b"W/").unwrap_or(text).strip_prefix(b"\"")?;
    let end = quoted.iter().position(|byte| *byte == b'"')?;
    Some(&quoted[..end])
}

/// Turns a response into 304.
pub(crate) fn not_modified(response: Response<Body>) -> Response<Body> {
    let (mut head, _) = response.into_parts();
    head.status = StatusCode::NOT_MODIFIED;
    head.headers.remove(CONTENT_TYPE);
    head.headers.remove(CONTENT_ENCODING);
    Response::from_parts(head, Body::default())
}

/// Compresses bytes.
pub(crate) fn gzip(bytes: &[u8], level: Compression) -> Bytes {
    let mut packed = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    packed.write_all(bytes).expect("writing to memory does not fail");
    packed.finish().expect("writing to memory does not fail").into()
}

/// Whether the client accepts gzip at least as much as no compression (RFC 9110, section 12.5.3). A client without
/// `Accept-Encoding` may not support it; one that accepts neither gets no compression.
pub(crate) fn accepts_gzip(request: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for value in request.get_all(ACCEPT_ENCODING) {
        let Ok(value) = value.to_str() else { return false };
        for item in value.split(',') {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            let Some(weight) = weight(parameters) else { continue };
            match coding.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(weight),
                "identity" => identity = Some(weight),
                "*" => any = Some(weight),
                _ => {}
            }
        }
    }
    // `identity` is acceptable unless excluded, but any named coding is preferred.
    let (gzip, identity) = (gzip.or(any).unwrap_or(0), identity.or(any).unwrap_or(0));
    gzip > 0 && gzip >= identity
}

/// A weight in thousandths; 1 by default. `None` if it is malformed.
fn weight(parameters: &str) -> Option<u16> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1_000);
    }
    let (name, value) = parameters.split_once('=')?;
    let weight: f32 = value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    name.trim().eq_ignore_ascii_case("q").then_some((weight * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_if_the_client_accepts_it() {
        let takes = |values: &[&str]| {
            accepts_gzip(&values.iter().map(|value| (ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap())).collect())
        };
        for good in [
            "gzip",
            "GZIP",
            "gzip, deflate, br",
            "br;q=1.0, gzip;q=0.8, *;q=0.1",
            "*",
            "deflate, *;q=0.5",
            "x-gzip",
            "identity;q=0.5, gzip",
            "gzip ; q=1",
            "gzip;q=0.001",
            "gzip;Q=1.000",
            "identity;q=0, gzip;q=0.1",
            "identity;q=0, *",
            "*;q=0, gzip",
        ] {
            assert!(takes(&[good]), "{good}");
        }
        for bad in [
            "",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "identity",
            "gzip;q=0, *",
            "br",
            "identity, gzip;q=0.5",
            "gzip;q=0.5, *;q=0.8",
            "identity;q=0",
            "*;q=0, identity;q=0",
            "gzip;q=x",
            "gzip;q=2",
            "gzipped",
        ] {
            assert!(!takes(&[bad]), "{bad}");
        }
        assert!(!takes(&[]) && takes(&["br", "gzip"]) && !takes(&["gzip", "gzip;q=0"]));
    }

    #[test]
    fn a_tag_is_matched_in_any_list() {
        let has = |values: &[&str]| {
            let headers = values.iter().map(|value| (IF_NONE_MATCH, HeaderValue::from_str(value).unwrap())).collect();
            [r#""a,b""#, r#"W/"a,b""#].map(|tag| matches_etag(&headers, &HeaderValue::from_static(tag)))
        };
        for good in [r#""a,b""#, r#"W/"a,b""#, r#""x", "a,b""#, r#" ,W/"x","a,b","#, "*", " * "] {
            assert_eq!(has(&[good]), [true; 2], "{good}");
        }
        assert_eq!(has(&[r#""x""#, r#""a,b""#]), [true; 2], "in several lines");
        for bad in ["", "a,b", r#""a","b""#, r#"w/"a,b""#, r#""a,b"#, r#"x, "a,b""#, r#""*""#, "**", r#"W/ "a,b""#] {
            assert_eq!(has(&[bad]), [false; 2], "{bad}");
        }
        assert_eq!(has(&[]), [false; 2]);
    }

    #[test]
    fn different_contents_have_different_tags() {
        assert_eq!(entity_tag(b"a"), entity_tag(b"a"));
        assert_ne!(entity_tag(b"a"), entity_tag(b"b"));
        assert!(weak_entity_tag(b"a").to_str().unwrap().starts_with("W/\""));
    }
}
