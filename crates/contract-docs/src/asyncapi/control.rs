//! The part of the AsyncAPI document about the exchange `control`: status requests to processes, and their responses.

use amqp::names;
use contracts::control::{GATEWAY, ProcessInfo, RELAYS, Stats};
use contracts::{LISTENERS, PATTERNS};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::asyncapi::BINDING_VERSION;
use crate::components::Components;

/// A status request that any process responds to.
struct StatusRequest {
    /// The first word of its routing key.
    word: &'static str,
    request: &'static str,
    operation: &'static str,
    response: &'static str,
}

const STATS: StatusRequest = StatusRequest {
    word: "stats",
    request: "Requests the status of the processes with a name.",
    operation: "Reports its status.",
    response: "The status of one process.",
};
const DESCRIBE: StatusRequest = StatusRequest {
    word: "describe",
    request: "Requests the identity of the processes with a name.",
    operation: "Reports its identity.",
    response: "The identity of one process.",
};

/// Adds to one part of the document.
pub(crate) fn parts(kind: &str, components: &mut Components) -> Map<String, Value> {
    let mut parts = Map::new();
    for status in [&STATS, &DESCRIBE] {
        let channel = format!("control.{}", status.word);
        match kind {
            "messages" => {
                let response = match status.word {
                    "stats" => status.response_with::<Stats>(components),
                    _ => status.response_with::<ProcessInfo>(components),
                };
                parts.insert(format!("{channel}.request"), status.request());
                parts.insert(format!("{channel}.response"), response);
            }
            "channels" => {
                parts.insert(format!("{channel}.reply"), status.reply_channel());
                parts.insert(channel, status.request_channel());
            }
            _ => drop(parts.insert(channel, status.operation())),
        }
    }
    parts
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn exchange() -> Value {
    json!({ "amqp": {
        "is": "routingKey",
        "exchange": { "name": names::CONTROL_EXCHANGE, "type": "topic", "durable": true, "autoDelete": false },
        "bindingVersion": BINDING_VERSION,
    } })
}

impl StatusRequest {
    fn request(&self) -> Value {
        json!({
            "name": format!("control.{}.request", self.word),
            "summary": self.request,
            "contentType": "application/json",
            "correlationId": { "location": "$message.header#/correlation_id" },
            "headers": { "type": "object", "properties": {
                "correlation_id": text("Property: returned with each response."),
                "reply_to": { "type": "string", "pattern": r"^replies\.",
                    "description": "Property: a routing key of the exchange `control`, under `replies.`, that the requester has \
                        bound its own queue to. Requests with another address get no response." },
            } },
            "payload": { "type": "object", "description": "Ignored: only the routing key counts." },
        })
    }

    fn response_with<T: JsonSchema>(&self, components: &mut Components) -> Value {
        json!({
            "name": format!("control.{}.response", self.word),
            "summary": self.response,
            "contentType": "application/json",
            "correlationId": { "location": "$message.header#/correlation_id" },
            "headers": { "type": "object", "properties": { "correlation_id": text("Property: that of the request.") } },
            "payload": {
                "type": "object",
                "properties": { "response": components.of::<T>(), "isDisposed": { "const": true } },
                "required": ["response", "isDisposed"],
            },
        })
    }

    fn request_channel(&self) -> Value {
        let listeners = LISTENERS.iter().map(|listener| listener.name);
        let names: Vec<&str> = PATTERNS.into_iter().chain(listeners).chain(RELAYS).chain([GATEWAY]).collect();
        let word = self.word;
        let one = if word == "stats" { ", and `stats.NAME.INSTANCE` addresses one instance" } else { "" };
        json!({
            "address": format!("{word}.{{name}}"),
            "description": format!("Every process with the name responds, within a quarter of a second. The routing key `{word}` \
                addresses all processes{one}. Only the accounts of the gateway and of operators may send requests; the others \
                can only respond."),
            "parameters": { "name": { "description": "The name of the processes.", "enum": names } },
            "messages": { "request": { "$ref": format!("#/components/messages/control.{word}.request") } },
            "bindings": exchange(),
        })
    }

    /// The address of a reply is in the request.
    fn reply_channel(&self) -> Value {
        json!({
            "messages": { "response": { "$ref": format!("#/components/messages/control.{}.response", self.word) } },
            "bindings": exchange(),
        })
    }

    fn operation(&self) -> Value {
        let channel = format!("control.{}", self.word);
        json!({
            "action": "receive",
            "summary": self.operation,
            "description": "Each process with the name sends its own response.",
            "channel": { "$ref": format!("#/channels/{channel}") },
            "messages": [{ "$ref": format!("#/channels/{channel}/messages/request") }],
            "bindings": { "amqp": { "deliveryMode": names::TRANSIENT, "ack": false, "bindingVersion": BINDING_VERSION } },
            "reply": {
                "address": { "location": "$message.header#/reply_to" },
                "channel": { "$ref": format!("#/channels/{channel}.reply") },
                "messages": [{ "$ref": format!("#/channels/{channel}.reply/messages/response") }],
            },
        })
    }
}
