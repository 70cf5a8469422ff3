//! The JSON Schema of the built-in endpoints' responses, for the published documents.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::endpoints::system::System;
use crate::routing::route::Builtin;

/// A set of public keys (RFC 7517).
#[derive(Serialize, JsonSchema)]
struct Keys {
    /// The keys, each with its `kid`, which tokens name in their header.
    #[schemars(length(max = 64), with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    keys: Vec<serde_json::Value>,
}

impl Builtin {
    /// The schema of its response.
    pub fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        match self {
            Self::System => generator.subschema_for::<System>(),
            Self::Keys => generator.subschema_for::<Keys>(),
            Self::File(file) | Self::Part(file) if file.media_type == "application/json" => {
                json_schema!({ "type": "object" })
            }
            Self::File(_) | Self::Part(_) => json_schema!({ "type": "string" }),
        }
    }
}
