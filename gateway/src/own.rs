//! Answers what the gateway itself knows.

use bus::Asker;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::route::Own;
use crate::router::Router;
use crate::{Body, System, system};

impl Own {
    /// What it is for, in one sentence.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::System => "Shows every request pattern with its workers, its queue, its rate and its latency.",
            Self::File(file) | Self::Part(file) => file.purpose,
        }
    }

    /// What its answer is.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::System => "application/json",
            Self::File(file) | Self::Part(file) => file.media_type,
        }
    }

    /// The schema of its answer.
    pub fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        match self {
            Self::System => generator.subschema_for::<System>(),
            Self::File(file) | Self::Part(file) if file.media_type == "application/json" => {
                json_schema!({ "type": "object" })
            }
            Self::File(_) | Self::Part(_) => json_schema!({ "type": "string" }),
        }
    }
}

/// The answer to a request for what the gateway knows.
pub(crate) async fn show(own: Own, asker: &Asker, router: &Router) -> Response<Body> {
    match own {
        Own::System => system::show(asker, router).await,
        Own::File(file) | Own::Part(file) => file.response(),
    }
}

/// A JSON text as a response.
pub(crate) fn json(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
