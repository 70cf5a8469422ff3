//! Answers what the gateway itself knows: which patterns there are and who serves them.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::Asker;
use contracts::PATTERNS;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use tokio::time::timeout;

use crate::Body;
use crate::route::Own;

/// Nobody waits longer than this for the broker to say who consumes.
const PATIENCE: Duration = Duration::from_secs(1);

/// The live topology, as this gateway knows it.
#[derive(Serialize, JsonSchema)]
pub struct System {
    /// Whether there is a line to the broker.
    broker: bool,
    /// Every request pattern.
    patterns: Vec<PatternState>,
}

/// A request pattern at this moment.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PatternState {
    /// Its name, which is also its queue's.
    pattern: &'static str,
    /// How many processes serve it; `null` while nobody can tell.
    workers: Option<u32>,
    /// How many requests wait in its queue; `null` while nobody can tell.
    waiting: Option<u32>,
    /// Requests that this gateway answered per second, over the last seconds.
    rate_per_second: f64,
    /// How long they took; `null` when there were none.
    latency_ms: Option<Latency>,
}

/// How long requests took from their last byte to their answer, in milliseconds.
#[derive(Serialize, JsonSchema)]
struct Latency {
    /// Half of them took no longer.
    p50: f64,
    /// Of a hundred, ninety-nine took no longer.
    p99: f64,
}

impl Own {
    /// What it is for, in one sentence.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::System => "Shows every request pattern with its workers, its queue, its rate and its latency.",
        }
    }

    /// The schema of its answer.
    pub fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        match self {
            Self::System => generator.subschema_for::<System>(),
        }
    }
}

/// The answer to a request for what the gateway knows.
pub(crate) async fn show(own: Own, asker: &Asker) -> Response<Body> {
    match own {
        Own::System => system(asker).await,
    }
}

async fn system(asker: &Asker) -> Response<Body> {
    let workers = workers(asker).await;
    let patterns = workers
        .into_iter()
        .map(|(pattern, workers)| PatternState {
            pattern,
            workers,
            waiting: None,
            rate_per_second: 0.0,
            latency_ms: None,
        })
        .collect();
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
