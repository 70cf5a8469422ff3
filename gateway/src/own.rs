//! Answers what the gateway itself knows: which patterns there are and who serves them.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::Asker;
use contracts::PATTERNS;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::time::timeout;

use crate::Body;
use crate::route::Own;

/// Nobody waits longer than this for the broker to say who consumes.
const PATIENCE: Duration = Duration::from_secs(1);

/// The live topology.
#[derive(Serialize)]
struct System {
    broker: bool,
    patterns: Vec<Pattern>,
}

#[derive(Serialize)]
struct Pattern {
    pattern: &'static str,
    /// `null` while nobody can tell.
    workers: Option<u32>,
}

/// The answer to a request for what the gateway knows.
pub(crate) async fn show(own: Own, asker: &Asker) -> Response<Body> {
    match own {
        Own::System => system(asker).await,
    }
}

async fn system(asker: &Asker) -> Response<Body> {
    let workers = workers(asker).await;
    let patterns = workers.into_iter().map(|(pattern, workers)| Pattern { pattern, workers }).collect();
    let system = System { broker: asker.is_connected(), patterns };
    let text = serde_json::to_string(&system).expect("numbers and names always serialise");
    let mut response = json(StatusCode::OK, text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// How many processes serve each pattern; `None` where nobody can tell in time.
pub(crate) async fn workers(asker: &Asker) -> BTreeMap<&'static str, Option<u32>> {
    let mut workers: BTreeMap<_, _> = PATTERNS.iter().map(|pattern| (*pattern, None)).collect();
    let counting = async {
        for (pattern, consumers) in &mut workers {
            *consumers = asker.consumers(pattern).await.ok();
        }
    };
    // Out of time, what is not counted stays unknown.
    let _ = timeout(PATIENCE, counting).await;
    workers
}

/// A JSON text as a response.
pub(crate) fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
