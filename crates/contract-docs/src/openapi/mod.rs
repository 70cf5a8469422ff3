//! The OpenAPI 3.1 document of the gateway: every row of its table.

pub(crate) mod openapi_3_0;
pub(crate) mod operation;
pub(crate) mod reading_order;
pub(crate) mod responses;

use gateway::routing::table::TABLE;
use gateway::{Builtin, Work};
use serde_json::{Map, Value, json};

use crate::about::{LICENSE, VERSION};
use crate::components::Components;
use crate::openapi::operation::{ALIASES, operation};

const DESCRIPTION: &str = "\
Every error is an RFC 9457 problem with a stable `code`. **503 means not executed and safe to send again; 504 means that the \
outcome is unknown.** Prices are JSON numbers with at most two decimals; times are RFC 3339, UTC, milliseconds. Routes with a \
rate limit by address say so: beyond the limit they answer 429 with `Retry-After`.

Routes with a lock need an access token: `tokens.access_token` in the response of `POST /users/register` or `POST /users/login`, \
as `Authorization: Bearer …`. When it has expired, `POST /users/refresh` exchanges the refresh token for a new one.";

/// The tags, in reading order.
const TAGS: [(&str, &str); 5] = [
    ("users", "Accounts and sessions."),
    ("orders", "Users see and place their own orders."),
    ("system", "What runs, and the keys that verify access tokens."),
    ("contract", "These documents."),
    (ALIASES, "Other names for routes above, for clients that use these."),
];

/// The document.
pub fn openapi() -> Value {
    let mut components = Components::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in TABLE.iter().filter(|route| !matches!(route.work, Work::Builtin(Builtin::Part(_)))) {
        let operations = paths.entry(route.path).or_insert_with(|| json!({}));
        operations[route.method.to_lowercase()] = operation(route, &mut components);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Users and orders",
            "version": VERSION,
            "description": DESCRIPTION,
            "contact": { "name": "The maintainers" },
            "license": { "name": LICENSE, "identifier": LICENSE },
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
                "description": "The id of this request in logs: the client's own X-Request-Id if it sent a valid one.",
                "required": true,
                "schema": { "type": "string" },
            },
        },
        "securitySchemes": { "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "`tokens.access_token` in the response of `POST /users/register` or `POST /users/login`.",
        } },
    });
    document
}
