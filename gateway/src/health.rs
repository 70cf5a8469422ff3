//! Answers probes, on a listener of its own: is the process alive, and can it serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use amqp::RpcClient;
use contracts::Code;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use runtime::Shutdown;
use serde::Serialize;
use uuid::Uuid;

use crate::endpoints::system;
use crate::http::problem::HttpError;
use crate::http::request_headers::{RequestId, X_REQUEST_ID};
use crate::http::response_body::{Body, json};
use crate::http::service::Service;

/// Answers probes.
pub struct Health {
    rpc: Arc<RpcClient>,
    stop: Shutdown,
}

/// Whether the gateway can serve, and if not, what it lacks. That nobody serves a pattern is no reason to send no requests
/// here: another gateway would not find anybody either.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    draining: bool,
    broker: bool,
    /// How many processes serve each pattern; `null` while nobody can tell.
    patterns: BTreeMap<&'static str, Option<u32>>,
}

impl Health {
    /// Reports on this client's connection to the broker, and on a requested stop.
    pub fn new(rpc: Arc<RpcClient>, stop: Shutdown) -> Self {
        Self { rpc, stop }
    }

    async fn respond(&self, request: &Request<Incoming>) -> Result<Response<Body>, HttpError> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/readyz") {
            return Err(HttpError::new(Code::RouteNotFound, "There is /livez and /readyz."));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(HttpError::method(HeaderValue::from_static("GET, HEAD")));
        }
        if path == "/livez" {
            return Ok(json(StatusCode::OK, r#"{"status":"ok"}"#.into()));
        }
        let readiness = self.readiness().await;
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok(json(status, serde_json::to_string(&readiness).expect("numbers and names always serialise")))
    }

    async fn readiness(&self) -> Readiness {
        let queues = system::queues(&self.rpc).await;
        let patterns: BTreeMap<_, _> =
            queues.into_iter().map(|(pattern, queue)| (pattern, queue.map(|queue| queue.consumers))).collect();
        let (broker, draining) = (self.rpc.is_connected(), self.stop.is_requested());
        Readiness { ready: broker && !draining, draining, broker, patterns }
    }
}

impl Service for Health {
    async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        let id = RequestId::of(request.headers(), Uuid::now_v7());
        let outcome = self.respond(&request).await;
        let mut response = outcome.unwrap_or_else(|refusal| refusal.respond(request.uri(), id.as_str()));
        response.headers_mut().insert(X_REQUEST_ID, id.header());
        response
    }
}
