//! Turns what a worker answered, or why there is no answer, into a response.

use std::borrow::Cow;

use amqp::RpcError;
use contracts::Code;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LINK, LOCATION};
use hyper::{Response, StatusCode, Uri};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::endpoints::rpc::request::query_without;
use crate::http::problem::HttpError;
use crate::http::response_body::Body;
use crate::routing::route::{Route, Success};

/// How many there are altogether, and whether that is all (`eq`) or the least (`gte`).
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const TOTAL_COUNT_RELATION: HeaderName = HeaderName::from_static("x-total-count-relation");

/// Room for the header fields of a success, made at once: growing would hash all of them anew.
const FIELDS: usize = 12;

/// A success, looking as its row says. Addresses in it begin with `prefix`, under which clients see us.
pub(crate) fn success(
    route: &Route,
    address: &Uri,
    prefix: &str,
    reply: Box<RawValue>,
) -> Result<Response<Body>, HttpError> {
    let mut response = match route.success {
        Success::Ok => with_body(StatusCode::OK, reply),
        Success::NoContent => no_content(),
        Success::Created => with_body(StatusCode::CREATED, reply),
        Success::CreatedAt(path) => created_at(path, prefix, reply),
        Success::Page => page(address, prefix, &reply)?,
        // A feed has no reply of its own: `feed.rs` answers it.
        Success::LiveSubscription => return Err(malformed()),
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
    response.headers_mut().reserve(FIELDS);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The work is done by now: a reply that does not say where its result is, is still a success.
fn created_at(path: &str, prefix: &str, reply: Box<RawValue>) -> Response<Body> {
    #[derive(Deserialize)]
    struct Created<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let location = serde_json::from_str::<Created<'_>>(reply.get())
        .ok()
        .filter(|created| is_unreserved(&created.id))
        .and_then(|created| HeaderValue::try_from(format!("{prefix}{path}{}", created.id)).ok());
    let mut response = with_body(StatusCode::CREATED, reply);
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    } else {
        tracing::error!(path, "the reply has no id that could stand in a Location");
    }
    response
}

fn page(address: &Uri, prefix: &str, reply: &RawValue) -> Result<Response<Body>, HttpError> {
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
    let page: Page<'_> = serde_json::from_str(reply.get()).map_err(|_| malformed())?;
    let mut response = with_body(StatusCode::OK, page.items.to_owned());
    if let Some(Total { count, relation }) = page.total {
        let relation = HeaderValue::try_from(&*relation).map_err(|_| malformed())?;
        response.headers_mut().insert(TOTAL_COUNT, count.into());
        response.headers_mut().insert(TOTAL_COUNT_RELATION, relation);
    }
    if let Some(cursor) = page.next {
        let rest = query_without(address.query(), "cursor");
        let link = format!("<{prefix}{}?{rest}cursor={cursor}>; rel=\"next\"", address.path());
        let link = HeaderValue::try_from(link).ok().filter(|_| is_unreserved(&cursor)).ok_or_else(malformed)?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Whether a text can stand in an address as it is (RFC 3986, section 2.3).
fn is_unreserved(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

fn malformed() -> HttpError {
    HttpError::new(Code::Internal, "The service answered with something that is no answer.")
}

/// Why there is no answer, without ever lying: 503 says that nothing was executed, 504 that nobody knows. Of a pattern
/// that changes nothing it does not matter whether it was executed, only whether asking again helps.
pub(crate) fn failure(error: RpcError, safe: bool) -> HttpError {
    let (code, message) = match (error, safe) {
        (RpcError::NotConnected, _) => (Code::BrokerUnavailable, "The broker cannot be reached. Nothing was done."),
        (RpcError::NobodyServes, _) => (Code::ServiceUnavailable, "Nobody serves this just now. Nothing was done."),
        (RpcError::Expired, _) => (Code::ServiceUnavailable, "No worker took it in time. Nothing was done."),
        (RpcError::Lost, true) => (Code::BrokerUnavailable, "The connection to the broker broke. Ask again."),
        (RpcError::TimedOut, true) => (Code::OutcomeUnknown, "No answer came in time. Asking again does no harm."),
        (RpcError::Malformed, true) => return malformed().because(error),
        (RpcError::TimedOut, false) => (Code::OutcomeUnknown, "No answer came in time: the work may have been done."),
        (RpcError::Lost, false) => {
            (Code::OutcomeUnknown, "The connection to the broker broke: the work may have been done.")
        }
        (RpcError::Malformed, false) => {
            (Code::OutcomeUnknown, "The answer could not be understood: the work may have been done.")
        }
    };
    HttpError::new(code, message).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::table::TABLE;
    use http_body_util::BodyExt;

    fn row(method: &str, path: &str) -> &'static Route {
        TABLE.iter().find(|route| (route.method, route.path) == (method, path)).unwrap()
    }

    fn answer(method: &str, path: &str, uri: &str, reply: &str) -> Result<(Response<Body>, String), Code> {
        let reply = RawValue::from_string(reply.into()).unwrap();
        let response =
            success(row(method, path), &uri.parse().unwrap(), "", reply).map_err(|refusal| refusal.code())?;
        let (head, body) = response.into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        Ok((Response::from_parts(head, Body::default()), String::from_utf8(body.to_vec()).unwrap()))
    }

    #[test]
    fn a_created_order_says_where_it_is() {
        let (response, body) = answer("POST", "/orders", "/orders", r#"{"id":"a-1","x":1}"#).unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()[LOCATION]), (201, &"/orders/a-1".parse().unwrap()));
        assert_eq!(body, r#"{"id":"a-1","x":1}"#);
    }

    #[test]
    fn work_that_is_done_is_a_success_even_if_its_place_is_unknown() {
        for reply in ["null", "{}", r#"{"id":7}"#, r#"{"id":"../x"}"#, r#"{"id":""}"#] {
            let (response, _) = answer("POST", "/orders", "/orders", reply).unwrap();
            assert!(response.status() == 201 && !response.headers().contains_key(LOCATION), "{reply}");
        }
    }

    #[test]
    fn tokens_are_kept_out_of_caches() {
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
    fn a_total_is_told_beside_the_page() {
        let reply = r#"{"items":[],"next":null,"total":{"count":1000,"relation":"gte"}}"#;
        let (response, body) = answer("GET", "/orders", "/orders?total=true", reply).unwrap();
        assert_eq!(
            (&response.headers()[TOTAL_COUNT], &response.headers()[TOTAL_COUNT_RELATION]),
            (&"1000".parse().unwrap(), &"gte".parse().unwrap())
        );
        assert_eq!(body, "[]");
    }

    #[test]
    fn a_page_that_is_none_is_our_bug() {
        for reply in ["null", "[]", r#"{"items":[],"next":"a\"b"}"#, r#"{"items":[],"next":7}"#] {
            assert_eq!(answer("GET", "/orders", "/orders", reply).err(), Some(Code::Internal), "{reply}");
        }
    }

    #[test]
    fn addresses_begin_with_the_prefix_of_the_proxy() {
        let answer = |method: &str, reply: &str| {
            let reply = RawValue::from_string(reply.into()).unwrap();
            success(row(method, "/orders"), &"/orders?limit=2".parse().unwrap(), "/api/v1", reply).unwrap()
        };
        assert_eq!(answer("POST", r#"{"id":"a-1"}"#).headers()[LOCATION], "/api/v1/orders/a-1");
        let link = answer("GET", r#"{"items":[],"next":"c1"}"#).headers()[LINK].clone();
        assert_eq!(link, "</api/v1/orders?limit=2&cursor=c1>; rel=\"next\"");
    }

    #[test]
    fn a_failure_never_lies() {
        let code = |error, safe| failure(error, safe).code();
        for safe in [true, false] {
            assert_eq!(code(RpcError::NotConnected, safe), Code::BrokerUnavailable);
            assert_eq!(code(RpcError::NobodyServes, safe), Code::ServiceUnavailable);
            assert_eq!(code(RpcError::Expired, safe), Code::ServiceUnavailable);
            assert_eq!(code(RpcError::TimedOut, safe), Code::OutcomeUnknown);
        }
        assert_eq!([code(RpcError::Lost, false), code(RpcError::Malformed, false)], [Code::OutcomeUnknown; 2]);
        assert_eq!(
            [code(RpcError::Lost, true), code(RpcError::Malformed, true)],
            [Code::BrokerUnavailable, Code::Internal]
        );
    }
}
