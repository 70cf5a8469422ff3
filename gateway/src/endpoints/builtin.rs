//! The built-in endpoints: the state of the system, the public keys, static files.

use amqp::RpcClient;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

use crate::auth::Auth;
use crate::endpoints::system;
use crate::http::response_body::{Body, json};
use crate::routing::route::Builtin;
use crate::routing::router::Router;

impl Builtin {
    /// Its purpose, in one sentence.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::System => {
                "Shows the current state of every pattern, listener, relay and database, with recent request rates and latencies."
            }
            Self::Keys => "Shows the public keys that verify access tokens, as a JWKS document.",
            Self::File(file) | Self::Part(file) => file.purpose,
        }
    }

    /// The media type of its response.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::System | Self::Keys => "application/json",
            Self::File(file) | Self::Part(file) => file.media_type,
        }
    }
}

/// The sources of the built-in endpoints.
pub(crate) struct BuiltinContext<'a> {
    pub(crate) rpc: &'a RpcClient,
    pub(crate) router: &'a Router,
    pub(crate) auth: &'a Auth,
    pub(crate) retry_delays_ms: &'a [u32],
}

/// Responds with a built-in endpoint.
pub(crate) async fn respond(builtin: Builtin, request: &HeaderMap, context: &BuiltinContext<'_>) -> Response<Body> {
    match builtin {
        Builtin::System => system::respond(context.rpc, context.router, context.retry_delays_ms).await,
        Builtin::Keys => keys(context.auth),
        Builtin::File(file) | Builtin::Part(file) => file.response(request),
    }
}

fn keys(auth: &Auth) -> Response<Body> {
    let mut response = json(StatusCode::OK, auth.published());
    // A key is published well before the first token is signed with it, as the runbook says.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}
