//! The admin listener: liveness, readiness, and metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use amqp::RpcClient;
use contracts::Code;
use contracts::control::ProcessInfo;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use runtime::Shutdown;
use serde::Serialize;
use uuid::Uuid;

use crate::endpoints::{prometheus, system};
use crate::http::problem::HttpError;
use crate::http::request_headers::{RequestId, X_REQUEST_ID};
use crate::http::response_body::{Body, json};
use crate::http::service::Service;
use crate::metrics::requests::RequestMetrics;
use crate::settings::GatewaySettings;

/// Answers requests on the admin listener.
pub struct Health {
    rpc: Arc<RpcClient>,
    stop: Shutdown,
    requests: Arc<RequestMetrics>,
    info: Arc<ProcessInfo>,
    retry_delays_ms: Vec<u32>,
}

/// Whether the gateway can serve, and what it lacks. A pattern without workers does not make a gateway unready: another
/// gateway would find no worker either.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    draining: bool,
    broker: bool,
    /// The number of workers of each pattern; `null` if unknown.
    patterns: BTreeMap<&'static str, Option<u32>>,
}

impl Health {
    /// Reports on the connection to the broker, a requested stop, and the metrics of this gateway; `info` is its identity.
    pub fn new(
        rpc: Arc<RpcClient>,
        stop: Shutdown,
        requests: Arc<RequestMetrics>,
        info: Arc<ProcessInfo>,
        settings: &GatewaySettings,
    ) -> Self {
        Self { rpc, stop, requests, info, retry_delays_ms: settings.retry_delays_ms.clone() }
    }

    async fn respond(&self, request: &Request<Incoming>) -> Result<Response<Body>, HttpError> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/readyz" | "/metrics") {
            return Err(HttpError::new(Code::RouteNotFound, "There is /livez, /readyz and /metrics."));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(HttpError::method(HeaderValue::from_static("GET, HEAD")));
        }
        if path == "/livez" {
            return Ok(json(StatusCode::OK, r#"{"status":"ok"}"#.into()));
        }
        if path == "/metrics" {
            let text = prometheus::text(&self.rpc, &self.requests, &self.info, &self.retry_delays_ms).await;
            let text =
                text.map_err(|error| HttpError::new(Code::Internal, "The metrics cannot be written.").because(error))?;
            let mut response = json(StatusCode::OK, text);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(prometheus::OPEN_METRICS));
            return Ok(response);
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
        let mut response = outcome.unwrap_or_else(|error| error.respond(request.uri(), id.as_str()));
        response.headers_mut().insert(X_REQUEST_ID, id.header());
        response
    }
}
