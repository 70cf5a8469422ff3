//! Error responses: RFC 9457 problem details, with the same fields for every error.
//!
//! `type` is `urn:problem:` and the code with dashes; it is an identifier and does not resolve. `message` repeats `detail`
//! for clients that look for it.

use contracts::{Code, Fault, Invalid};
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode, Uri};
use serde::Serialize;
use tracing::Level;

use crate::http::response_body::Body;

/// The error of a request.
#[derive(Debug)]
pub(crate) struct HttpError {
    fault: Fault,
    /// The methods that the path supports, if it does not support the one used.
    allow: Option<HeaderValue>,
    /// Seconds until a retry may succeed, if known.
    retry_after: Option<u32>,
    /// The cause, for the log.
    cause: Option<Box<str>>,
}

impl HttpError {
    /// An error of the gateway itself.
    pub(crate) fn new(code: Code, message: &str) -> Self {
        Fault::new(code, message).into()
    }

    /// The path does not support the method, but these.
    pub(crate) fn method(allow: HeaderValue) -> Self {
        let fault = Fault::new(Code::MethodNotAllowed, "This path does not support the method; see the Allow header.");
        Self { allow: Some(allow), ..fault.into() }
    }

    /// Too many requests: the client may retry after so many seconds.
    pub(crate) fn too_many(message: &str, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(Code::TooManyRequests, message) }
    }

    /// Adds the cause, which only the log shows.
    #[must_use]
    pub(crate) fn because(self, cause: impl std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string().into()), ..self }
    }

    /// The cause.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The stable code.
    pub(crate) fn code(&self) -> Code {
        self.fault.code
    }

    /// The response. Its `instance` is the path without the query, which may contain secrets.
    pub(crate) fn respond(self, uri: &Uri, request_id: &str) -> Response<Body> {
        let Self { fault, allow, retry_after, cause: _ } = self;
        // The target of `CONNECT` has no path.
        let instance = if uri.path().is_empty() { "/" } else { uri.path() };
        let mut response = Response::new(document(&fault, instance, request_id).into());
        *response.status_mut() = status(fault.code);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = challenge(fault.code) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if matches!(status(fault.code), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl From<Fault> for HttpError {
    fn from(fault: Fault) -> Self {
        Self { fault, allow: None, retry_after: None, cause: None }
    }
}

impl From<Invalid> for HttpError {
    fn from(errors: Invalid) -> Self {
        Fault::from(errors).into()
    }
}

/// An error (RFC 9457). Clients compare `code` and show `message`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem<'a> {
    /// `urn:problem:` and the code with dashes; an identifier that does not resolve.
    r#type: String,
    /// The code as words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// One sentence for a person.
    detail: &'a str,
    /// The path of the request.
    instance: &'a str,
    /// The stable code.
    code: Code,
    /// The same as `detail`.
    message: &'a str,
    /// The problems of each field; only with `invalid_input`.
    #[serde(skip_serializing_if = "Invalid::is_empty")]
    errors: &'a Invalid,
    /// The id of this request in logs.
    request_id: &'a str,
}

/// The problem document of a fault.
pub(crate) fn document(fault: &Fault, instance: &str, request_id: &str) -> Bytes {
    let problem = Problem {
        r#type: format!("urn:problem:{}", fault.code.as_str().replace('_', "-")),
        title: title(fault.code),
        status: status(fault.code).as_u16(),
        detail: &fault.message,
        instance,
        code: fault.code,
        message: &fault.message,
        errors: &fault.errors,
        request_id,
    };
    serde_json::to_vec(&problem).expect("strings and numbers always serialise").into()
}

/// The code as words: "Order not found".
fn title(code: Code) -> String {
    let mut title = code.as_str().replace('_', " ");
    title[..1].make_ascii_uppercase();
    title
}

/// The HTTP status of a code. 503 means not executed, 504 that the outcome is unknown.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest | Code::MalformedJson | Code::WrongPattern => StatusCode::BAD_REQUEST,
        Code::MissingToken
        | Code::InvalidToken
        | Code::SessionExpired
        | Code::SessionEnded
        | Code::InvalidCredentials => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::RouteNotFound | Code::UserNotFound | Code::SessionNotFound | Code::OrderNotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::EmailTaken | Code::IdempotencyKeyInUse | Code::MessageIdReused => StatusCode::CONFLICT,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UriTooLong => StatusCode::URI_TOO_LONG,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::InvalidInput | Code::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::TooManyStreams | Code::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::UnsupportedTransferCoding => StatusCode::NOT_IMPLEMENTED,
        Code::BadReply => StatusCode::BAD_GATEWAY,
        Code::ServiceUnavailable
        | Code::DatabaseUnavailable
        | Code::DatabaseBusy
        | Code::BrokerUnavailable
        | Code::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Code::OutcomeUnknown => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// The log level of a code: info for errors of clients, warning for failures, error for defects.
pub fn level(code: Code) -> Level {
    match code {
        Code::BadRequest
        | Code::MalformedJson
        | Code::InvalidInput
        | Code::UnsupportedMediaType
        | Code::BodyTooLarge
        | Code::HeadersTooLarge
        | Code::UriTooLong
        | Code::RequestTimeout
        | Code::UnsupportedTransferCoding
        | Code::RouteNotFound
        | Code::MethodNotAllowed
        | Code::MissingToken
        | Code::InvalidToken
        | Code::SessionExpired
        | Code::SessionEnded
        | Code::InvalidCredentials
        | Code::PermissionDenied
        | Code::UserNotFound
        | Code::SessionNotFound
        | Code::OrderNotFound
        | Code::EmailTaken
        | Code::IdempotencyKeyReused
        | Code::IdempotencyKeyInUse
        | Code::MessageIdReused
        | Code::WrongPattern
        | Code::TooManyRequests => Level::INFO,
        Code::ServiceUnavailable
        | Code::DatabaseUnavailable
        | Code::DatabaseBusy
        | Code::BrokerUnavailable
        | Code::TooManyStreams
        | Code::Overloaded
        | Code::OutcomeUnknown => Level::WARN,
        Code::BadReply | Code::Internal => Level::ERROR,
    }
}

/// The challenge of a 401 (RFC 6750). It has no `error` if the client sent no token.
fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::MissingToken | Code::InvalidCredentials | Code::SessionEnded => Some(r#"Bearer realm="gateway""#),
        Code::InvalidToken => Some(
            r#"Bearer realm="gateway", error="invalid_token", error_description="The access token is not valid here""#,
        ),
        Code::SessionExpired => {
            Some(r#"Bearer realm="gateway", error="invalid_token", error_description="The access token expired""#)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(error: HttpError) -> (Response<Body>, serde_json::Value) {
        let fault = error.fault.clone();
        let document = serde_json::from_slice(&document(&fault, "/orders", "r-1")).unwrap();
        (error.respond(&Uri::from_static("/orders"), "r-1"), document)
    }

    #[test]
    fn a_problem_has_every_field() {
        let (response, document) = problem(Invalid::field("price", "must be a number").into());
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let expected = serde_json::json!({
            "type": "urn:problem:invalid-input", "title": "Invalid input", "status": 422,
            "detail": "price must be a number.", "instance": "/orders", "code": "invalid_input",
            "message": "price must be a number.", "errors": {"price": ["must be a number"]},
            "requestId": "r-1",
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn errors_are_absent_if_no_field_is_invalid() {
        let (_, document) = problem(HttpError::new(Code::OrderNotFound, "There is no such order."));
        assert!(document.get("errors").is_none());
        assert_eq!((&document["title"], &document["status"]), (&"Order not found".into(), &404.into()));
    }

    #[test]
    fn every_401_has_a_challenge_and_every_503_a_retry_after() {
        for (code, challenge) in [
            (Code::MissingToken, "Bearer realm=\"gateway\""),
            (Code::InvalidCredentials, "Bearer realm=\"gateway\""),
            (Code::SessionEnded, "Bearer realm=\"gateway\""),
            (Code::InvalidToken, "error=\"invalid_token\""),
            (Code::SessionExpired, "expired"),
        ] {
            let (response, _) = problem(HttpError::new(code, "No."));
            let header = response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
            assert!(response.status() == 401 && header.contains(challenge), "{header}");
            assert_eq!(header.contains("error"), matches!(code, Code::InvalidToken | Code::SessionExpired));
        }
        for code in [
            Code::ServiceUnavailable,
            Code::DatabaseUnavailable,
            Code::DatabaseBusy,
            Code::BrokerUnavailable,
            Code::Overloaded,
        ] {
            let (response, _) = problem(HttpError::new(code, "No."));
            assert_eq!((response.status().as_u16(), &response.headers()[RETRY_AFTER]), (503, &HeaderValue::from(1)));
        }
        let (response, _) = problem(HttpError::new(Code::OutcomeUnknown, "?"));
        assert!(response.status() == 504 && !response.headers().contains_key(RETRY_AFTER));
    }
}
