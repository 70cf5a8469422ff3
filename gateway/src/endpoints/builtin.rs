//! Answers what the gateway itself knows.

use amqp::RpcClient;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

use crate::auth::Auth;
use crate::endpoints::system;
use crate::http::response_body::{Body, json};
use crate::routing::route::Builtin;
use crate::routing::router::Router;

impl Builtin {
    /// What it is for, in one sentence.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::System => {
                "Shows every pattern, listener, relay and database as it is now, and how much passed how fast in the last minutes."
            }
            Self::Keys => "Shows the public keys that verify access tokens, as a JWKS document.",
            Self::File(file) | Self::Part(file) => file.purpose,
        }
    }

    /// What its answer is.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::System | Self::Keys => "application/json",
            Self::File(file) | Self::Part(file) => file.media_type,
        }
    }
}

/// Who knows what is shown.
pub(crate) struct Known<'a> {
    pub(crate) rpc: &'a RpcClient,
    pub(crate) router: &'a Router,
    pub(crate) auth: &'a Auth,
    pub(crate) retry_delays_ms: &'a [u32],
}

/// The answer to a request for what the gateway knows.
pub(crate) async fn show(own: Builtin, request: &HeaderMap, known: &Known<'_>) -> Response<Body> {
    match own {
        Builtin::System => system::show(known.rpc, known.router, known.retry_delays_ms).await,
        Builtin::Keys => keys(known.auth),
        Builtin::File(file) | Builtin::Part(file) => file.response(request),
    }
}

fn keys(auth: &Auth) -> Response<Body> {
    let mut response = json(StatusCode::OK, auth.published());
    // A key is published well before the first token is signed with it: the runbook says how long.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}
