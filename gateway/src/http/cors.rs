//! CORS: lets pages of allowed origins call the gateway from a browser (the Fetch standard).

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ALLOW, HeaderValue, ORIGIN, VARY,
};
use hyper::{HeaderMap, Response, StatusCode};

use crate::http::response_body::Body;

const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Accept, Authorization, Idempotency-Key, Last-Event-ID, X-Request-Id, traceparent, tracestate, baggage, \
     If-None-Match",
);
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, Location, Link, X-Total-Count, X-Total-Count-Relation, Retry-After, RateLimit, RateLimit-Policy, ETag",
);
/// How long a browser may cache a preflight response, in seconds: two hours, the most that Chromium accepts.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The allowed origins.
pub(crate) struct Cors(Vec<HeaderValue>);

impl Cors {
    /// Allows pages of these origins to call, with credentials.
    pub(crate) fn new(origins: Vec<HeaderValue>) -> Self {
        Self(origins)
    }

    /// The response to `OPTIONS`: the permissions for a preflight of an allowed origin, and `Allow` for everybody.
    pub(crate) fn options(&self, request: &HeaderMap, allow: &HeaderValue) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ALLOW, allow.clone());
        if request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) && self.allowed_origin(request).is_some() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        response
    }

    /// Adds the CORS headers to a response, success or error.
    pub(crate) fn add_headers(&self, request: &HeaderMap, response: &mut HeaderMap) {
        // Also without an origin: a cache must not serve this response to a page that has one.
        response.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed_origin(request) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
    }

    fn allowed_origin(&self, request: &HeaderMap) -> Option<&HeaderValue> {
        let origin = request.get(ORIGIN)?;
        self.0.iter().find(|allowed| *allowed == origin)
    }
}
