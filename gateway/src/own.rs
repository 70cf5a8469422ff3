//! Answers what the gateway itself knows.

use bus::Asker;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use schemars::{Schema, SchemaGenerator};

use crate::route::Own;
use crate::router::Router;
use crate::{Body, System, system};

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
pub(crate) async fn show(own: Own, asker: &Asker, router: &Router) -> Response<Body> {
    match own {
        Own::System => system::show(asker, router).await,
    }
}

/// A JSON text as a response.
pub(crate) fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
