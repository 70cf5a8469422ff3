//! Answers probes, on a listener of its own: is the process alive, and can it serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::Asker;
use contracts::{Code, PATTERNS};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use process::Stop;
use serde::Serialize;
use tokio::time::timeout;
use uuid::Uuid;

use crate::Body;
use crate::marks::{RequestId, X_REQUEST_ID};
use crate::problem::Refusal;
use crate::server::Answer;

/// Probes wait no longer than this for the broker to say who consumes.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers probes.
pub struct Admin {
    asker: Arc<Asker>,
    stop: Stop,
}

/// Whether the gateway can serve, and if not, what it lacks.
#[derive(Serialize)]
struct Readiness {
    ready: bool,
    draining: bool,
    broker: bool,
    /// How many processes serve each pattern; `null` while nobody can tell.
    patterns: BTreeMap<&'static str, Option<u32>>,
}

impl Admin {
    /// Tells of this asker's broker, and of this stop.
    pub fn new(asker: Arc<Asker>, stop: Stop) -> Self {
        Self { asker, stop }
    }

    async fn respond(&self, request: &Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/readyz") {
            return Err(Refusal::new(Code::RouteNotFound, "There is /livez and /readyz."));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::method(HeaderValue::from_static("GET, HEAD")));
        }
        if path == "/livez" {
            return Ok(json(StatusCode::OK, r#"{"status":"ok"}"#.into()));
        }
        let readiness = self.readiness().await;
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok(json(status, serde_json::to_string(&readiness).expect("numbers and names always serialise")))
    }

    async fn readiness(&self) -> Readiness {
        let mut patterns: BTreeMap<_, _> = PATTERNS.iter().map(|pattern| (*pattern, None)).collect();
        let counting = async {
            for (pattern, consumers) in &mut patterns {
                *consumers = self.asker.consumers(pattern).await.ok();
            }
        };
        // Out of time, what is not counted stays unknown.
        let _ = timeout(PATIENCE, counting).await;
        let (broker, draining) = (self.asker.is_connected(), self.stop.is_asked());
        let served = patterns.values().all(|consumers| consumers.is_some_and(|count| count > 0));
        Readiness { ready: broker && served && !draining, draining, broker, patterns }
    }
}

impl Answer for Admin {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let id = RequestId::of(request.headers(), Uuid::now_v7());
        let outcome = self.respond(&request).await;
        let mut response = outcome.unwrap_or_else(|refusal| refusal.respond(request.uri(), id.as_str()));
        response.headers_mut().insert(X_REQUEST_ID, id.header());
        response
    }
}

fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
