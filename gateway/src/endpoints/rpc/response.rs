//! Turns a worker's reply, or the failure to get one, into a response.

use std::borrow::Cow;

use amqp::RpcError;
use contracts::Code;
use flate2::Compression;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LINK, LOCATION, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::endpoints::rpc::request::query_without;
use crate::http::negotiation::{accepts_gzip, gzip, matches_etag, not_modified, weak_entity_tag};
use crate::http::problem::HttpError;
use crate::http::response_body::Body;
use crate::routing::route::{Route, Success};

/// The total, and whether it is exact (`eq`) or a lower bound (`gte`).
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const TOTAL_COUNT_RELATION: HeaderName = HeaderName::from_static("x-total-count-relation");

/// The capacity for the headers of a success, reserved at once to avoid rehashing.
const HEADERS: usize = 12;

/// The smallest body that is compressed; a smaller one fits into one packet.
const MIN_COMPRESSED: usize = 1_400;

/// The response of a success, as its route says. URLs in it begin with `prefix`, under which clients reach the gateway.
pub(crate) fn success(
    route: &Route,
    request: &Parts,
    prefix: &str,
    reply: Box<RawValue>,
) -> Result<Response<Body>, HttpError> {
    let mut response = match route.success {
        Success::Ok => with_body(StatusCode::OK, reply),
        Success::NoContent => no_content(),
        Success::Created => with_body(StatusCode::CREATED, reply),
        Success::CreatedAt(path) => created_at(path, prefix, reply)?,
        Success::Page => page(request, prefix, &reply)?,
        // The pipeline opens a stream for such a route.
        Success::EventStream => return Err(HttpError::new(Code::Internal, "This request opens a stream.")),
    };
    if route.secret {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn with_body(status: StatusCode, json: Box<RawValue>) -> Response<Body> {
    let text: Box<str> = json.into();
    let mut response = Response::new(Body::from(text.into_string()));
    *response.status_mut() = status;
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn created_at(path: &str, prefix: &str, reply: Box<RawValue>) -> Result<Response<Body>, HttpError> {
    #[derive(Deserialize)]
    struct Created<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let malformed = || bad_reply("its `id` is not valid in a Location", false);
    let created: Created<'_> = serde_json::from_str(reply.get()).map_err(|_| malformed())?;
    let location = format!("{prefix}{path}{}", created.id);
    let location = HeaderValue::try_from(location).ok().filter(|_| is_unreserved(&created.id)).ok_or_else(malformed)?;
    let mut response = with_body(StatusCode::CREATED, reply);
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// A page of a list. A client that sends the entity tag of its copy gets the page only if it has changed. Caches must not
/// store it.
fn page(request: &Parts, prefix: &str, reply: &RawValue) -> Result<Response<Body>, HttpError> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        items: &'a RawValue,
        #[serde(borrow)]
        next: Option<Cow<'a, str>>,
        #[serde(borrow)]
        total: Option<Total<'a>>,
    }
    #[derive(Deserialize)]
    struct Total<'a> {
        count: u64,
        #[serde(borrow)]
        relation: Cow<'a, str>,
    }
    let malformed = || bad_reply("it is not a page", true);
    let page: Page<'_> = serde_json::from_str(reply.get()).map_err(|_| malformed())?;
    // Of the whole reply, because the headers depend on it, too.
    let tag = weak_entity_tag(reply.get().as_bytes());
    let known = matches_etag(&request.headers, &tag);
    let mut response = if known { not_modified(Response::default()) } else { list(&request.headers, page.items) };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(Total { count, relation }) = page.total {
        let relation = HeaderValue::try_from(&*relation).map_err(|_| malformed())?;
        headers.insert(TOTAL_COUNT, count.into());
        headers.insert(TOTAL_COUNT_RELATION, relation);
    }
    if let Some(cursor) = page.next {
        let rest = query_without(request.uri.query(), "cursor");
        let link = format!("<{prefix}{}?{rest}cursor={cursor}>; rel=\"next\"", request.uri.path());
        let link = HeaderValue::try_from(link).ok().filter(|_| is_unreserved(&cursor)).ok_or_else(malformed)?;
        headers.insert(LINK, link);
    }
    Ok(response)
}

/// The items, compressed if the client accepts it and they are large enough.
fn list(request: &HeaderMap, items: &RawValue) -> Response<Body> {
    if items.get().len() < MIN_COMPRESSED || !accepts_gzip(request) {
        return with_body(StatusCode::OK, items.to_owned());
    }
    // The fastest level: half the time of the next one, and almost as small.
    let mut response = Response::new(Body::from(gzip(items.get().as_bytes(), Compression::fast())));
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

/// Whether a text needs no encoding in a URL (RFC 3986, section 2.3).
fn is_unreserved(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// The service's reply does not match its contract. If the pattern changes something, the outcome is unknown.
fn bad_reply(cause: impl std::fmt::Display, safe: bool) -> HttpError {
    let message = if safe {
        "The service's reply does not match its contract. You can safely try again."
    } else {
        "The service's reply does not match its contract: the request may have been executed."
    };
    HttpError::new(Code::BadReply, message).because(cause)
}

/// The error if there is no reply: 503 means not executed, 502 and 504 that the outcome is unknown. For a safe pattern it does
/// not matter whether it was executed, only whether a retry may help.
pub(crate) fn failure(error: &RpcError, safe: bool) -> HttpError {
    let (code, message) = match (error, safe) {
        (RpcError::NotConnected, _) => (Code::BrokerUnavailable, "The broker cannot be reached. Nothing was done."),
        (RpcError::NobodyServes, _) => (Code::ServiceUnavailable, "No worker is available. Nothing was done."),
        (RpcError::NoWorkerStarted | RpcError::Expired, _) => {
            (Code::ServiceUnavailable, "No worker took the request in time. Nothing was done.")
        }
        (RpcError::Lost, true) => (Code::BrokerUnavailable, "The connection to the broker broke. Try again."),
        (RpcError::TimedOut, true) => (Code::OutcomeUnknown, "No reply came in time. You can safely try again."),
        (RpcError::TimedOut, false) => {
            (Code::OutcomeUnknown, "No reply came in time: the request may have been executed.")
        }
        (RpcError::Lost, false) => {
            (Code::OutcomeUnknown, "The connection to the broker broke: the request may have been executed.")
        }
        (RpcError::Malformed(_), safe) => return bad_reply(error, safe),
    };
    HttpError::new(code, message).because(error)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;
    use hyper::Request;
    use hyper::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    use super::*;
    use crate::routing::table::TABLE;

    fn row(method: &str, path: &str) -> &'static Route {
        TABLE.iter().find(|route| (route.method, route.path) == (method, path)).unwrap()
    }

    fn request(uri: &str, headers: &[(HeaderName, &str)]) -> Parts {
        let request = headers.iter().fold(Request::get(uri), |request, (name, value)| request.header(name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn body(response: Response<Body>) -> (Response<Body>, Vec<u8>) {
        let (head, body) = response.into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        (Response::from_parts(head, Body::default()), body.to_vec())
    }

    fn answer(method: &str, path: &str, uri: &str, reply: &str) -> Result<(Response<Body>, String), Code> {
        let reply = RawValue::from_string(reply.into()).unwrap();
        let response = success(row(method, path), &request(uri, &[]), "", reply).map_err(|error| error.code())?;
        let (response, body) = body(response);
        Ok((response, String::from_utf8(body).unwrap()))
    }

    #[test]
    fn a_page_that_the_client_has_is_not_sent_again_and_a_large_one_is_compressed_on_request() {
        let items = vec![r#"{"id":"a","title":"Analytical engine"}"#; 100].join(",");
        let get = |reply: &str, headers: &[(HeaderName, &str)]| {
            let reply = RawValue::from_string(reply.into()).unwrap();
            body(success(row("GET", "/orders"), &request("/orders?limit=2", headers), "", reply).unwrap())
        };
        let large = format!(r#"{{"items":[{items}],"next":"c1","total":{{"count":7,"relation":"eq"}}}}"#);
        let (plain, whole) = get(&large, &[]);
        let tag = plain.headers()[ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with("W/") && plain.headers()[VARY] == "Accept-Encoding");
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
        let (packed, small) = get(&large, &[(ACCEPT_ENCODING, "gzip")]);
        assert!(packed.headers()[CONTENT_ENCODING] == "gzip" && packed.headers()[ETAG] == *tag);
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&small[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == whole && small.len() * 4 < whole.len());
        for named in [tag.as_str(), tag.trim_start_matches("W/"), "*", &format!("\"x\", {tag}")] {
            let (same, body) = get(&large, &[(IF_NONE_MATCH, named), (ACCEPT_ENCODING, "gzip")]);
            assert!(same.status() == StatusCode::NOT_MODIFIED && body.is_empty(), "{named}");
            assert!(same.headers()[ETAG] == *tag && same.headers().contains_key(LINK));
            assert!(!same.headers().contains_key(CONTENT_TYPE) && !same.headers().contains_key(CONTENT_ENCODING));
        }
        for other in [large.replacen("c1", "c2", 1), large.replacen('7', "8", 1), r#"{"items":[],"next":null}"#.into()]
        {
            assert_eq!(get(&other, &[(IF_NONE_MATCH, &tag)]).0.status(), StatusCode::OK, "{other:.40}");
        }
        for refusing in ["gzip;q=0", "identity", "identity;q=0", "*;q=0", "br", ""] {
            let (response, _) = get(&large, &[(ACCEPT_ENCODING, refusing)]);
            assert!(!response.headers().contains_key(CONTENT_ENCODING), "{refusing}");
        }
        let (few, _) = get(r#"{"items":[],"next":null}"#, &[(ACCEPT_ENCODING, "gzip")]);
        assert!(!few.headers().contains_key(CONTENT_ENCODING) && few.headers()[VARY] == "Accept-Encoding");
    }

    #[test]
    fn a_created_order_has_a_location() {
        let (response, body) = answer("POST", "/orders", "/orders", r#"{"id":"a-1","x":1}"#).unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()[LOCATION]), (201, &"/orders/a-1".parse().unwrap()));
        assert_eq!(body, r#"{"id":"a-1","x":1}"#);
    }

    #[test]
    fn an_order_without_a_valid_id_is_a_bad_reply() {
        for reply in ["null", "{}", r#"{"id":7}"#, r#"{"id":"../x"}"#, r#"{"id":""}"#] {
            assert_eq!(answer("POST", "/orders", "/orders", reply).err(), Some(Code::BadReply), "{reply}");
        }
    }

    #[test]
    fn responses_with_tokens_are_not_cached() {
        let (register, _) = answer("POST", "/users/register", "/users/register", "{}").unwrap();
        assert_eq!(
            (register.status().as_u16(), &register.headers()[CACHE_CONTROL]),
            (201, &"no-store".parse().unwrap())
        );
        let (login, _) = answer("POST", "/users/login", "/users/login", "{}").unwrap();
        assert_eq!((login.status().as_u16(), &login.headers()[CACHE_CONTROL]), (200, &"no-store".parse().unwrap()));
    }

    #[test]
    fn a_page_is_a_bare_array_and_a_link() {
        let reply = r#"{"items":[{"id":"a"}],"next":"c1"}"#;
        let (response, body) = answer("GET", "/orders", "/orders?limit=2&cursor=c0", reply).unwrap();
        assert_eq!(body, r#"[{"id":"a"}]"#);
        assert_eq!(response.headers()[LINK], "</orders?limit=2&cursor=c1>; rel=\"next\"");
        let (response, _) = answer("GET", "/orders", "/orders", reply).unwrap();
        assert_eq!(response.headers()[LINK], "</orders?cursor=c1>; rel=\"next\"");
        let (response, body) = answer("GET", "/orders", "/orders", r#"{"items":[],"next":null}"#).unwrap();
        assert!(body == "[]" && !response.headers().contains_key(LINK));
    }

    #[test]
    fn a_total_is_in_the_headers() {
        let reply = r#"{"items":[],"next":null,"total":{"count":1000,"relation":"gte"}}"#;
        let (response, body) = answer("GET", "/orders", "/orders?total=true", reply).unwrap();
        assert_eq!(
            (&response.headers()[TOTAL_COUNT], &response.headers()[TOTAL_COUNT_RELATION]),
            (&"1000".parse().unwrap(), &"gte".parse().unwrap())
        );
        assert_eq!(body, "[]");
    }

    #[test]
    fn an_invalid_page_is_a_bad_reply() {
        for reply in ["null", "[]", r#"{"items":[],"next":"a\"b"}"#, r#"{"items":[],"next":7}"#] {
            assert_eq!(answer("GET", "/orders", "/orders", reply).err(), Some(Code::BadReply), "{reply}");
        }
    }

    #[test]
    fn urls_begin_with_the_prefix_of_the_proxy() {
        let answer = |method: &str, reply: &str| {
            let reply = RawValue::from_string(reply.into()).unwrap();
            success(row(method, "/orders"), &request("/orders?limit=2", &[]), "/api/v1", reply).unwrap()
        };
        assert_eq!(answer("POST", r#"{"id":"a-1"}"#).headers()[LOCATION], "/api/v1/orders/a-1");
        let link = answer("GET", r#"{"items":[],"next":"c1"}"#).headers()[LINK].clone();
        assert_eq!(link, "</api/v1/orders?limit=2&cursor=c1>; rel=\"next\"");
    }

    #[test]
    fn every_failure_has_its_code() {
        let code = |error, safe| failure(&error, safe).code();
        for safe in [true, false] {
            assert_eq!(code(RpcError::NotConnected, safe), Code::BrokerUnavailable);
            assert_eq!(code(RpcError::NobodyServes, safe), Code::ServiceUnavailable);
            assert_eq!(code(RpcError::NoWorkerStarted, safe), Code::ServiceUnavailable);
            assert_eq!(code(RpcError::Expired, safe), Code::ServiceUnavailable);
            assert_eq!(code(RpcError::TimedOut, safe), Code::OutcomeUnknown);
            assert_eq!(code(RpcError::Malformed("x".into()), safe), Code::BadReply);
        }
        assert_eq!(
            [code(RpcError::Lost, false), code(RpcError::Lost, true)],
            [Code::OutcomeUnknown, Code::BrokerUnavailable]
        );
        let bad = failure(&RpcError::Malformed("it lacks `id`".into()), false);
        assert_eq!(bad.cause(), Some("the reply is not what the contract says: it lacks `id`"));
    }
}
