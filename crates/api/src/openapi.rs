//! The OpenAPI 3.1 document of the gateway: every row of its table.

use gateway::routes::TABLE;
use gateway::{Own, Work};
use serde_json::{Map, Value, json};

use crate::VERSION;
use crate::components::Components;
use crate::operation::operation;

const DESCRIPTION: &str = "\
Every error is an RFC 9457 problem with a stable `code`. **503 means not executed and safe to send again; 504 means nobody \
knows.** Prices are JSON numbers with at most two decimals; times are RFC 3339, UTC, milliseconds.";

/// The chapters, in the order in which they are read.
const TAGS: [(&str, &str); 4] = [
    ("users", "Accounts and sessions. `/auth/…` are other names for the same."),
    ("orders", "Everybody sees and places their own."),
    ("system", "What runs, and the keys that verify access tokens."),
    ("contract", "These documents."),
];

/// The document.
pub fn openapi() -> Value {
    let mut components = Components::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in TABLE.iter().filter(|route| !matches!(route.work, Work::Own(Own::Part(_)))) {
        let operations = paths.entry(route.path).or_insert_with(|| json!({}));
        operations[route.method.to_lowercase()] = operation(route, &mut components);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Users and orders",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "security": [],
        "paths": paths,
    });
    document["components"] = json!({
        "schemas": components.finish(&document),
        "headers": {
            "X-Request-Id": {
                "description": "What logs call this request: the client's own X-Request-Id if it sent a harmless one.",
                "required": true,
                "schema": { "type": "string" },
            },
        },
        "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
    });
    document
}
