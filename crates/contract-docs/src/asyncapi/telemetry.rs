//! The part of the AsyncAPI document about the exchange `telemetry`: the spans of sampled traces.

use amqp::names;
use contracts::process_names;
use contracts::telemetry::SpanBatch;
use serde_json::{Map, Value, json};

use crate::asyncapi::BINDING_VERSION;
use crate::components::Components;

const SPANS: &str = "telemetry.spans";

/// Adds to one part of the document.
pub(crate) fn parts(kind: &str, components: &mut Components) -> Map<String, Value> {
    let part = match kind {
        "messages" => json!({
            "name": SPANS,
            "summary": "Finished spans of sampled traces.",
            "contentType": "application/json",
            "headers": { "type": "object", "description": "None." },
            "payload": { "title": "TelemetrySpans", "allOf": [components.of::<SpanBatch>()] },
        }),
        "channels" => json!({
            "address": "spans.{name}",
            "description": "Bind a queue to `spans.#` to receive the spans of all processes. The broker drops them if no queue is \
                bound. Each gateway keeps the latest.",
            "parameters": { "name": { "description": "The name of the process.", "enum": process_names() } },
            "messages": { "spans": { "$ref": format!("#/components/messages/{SPANS}") } },
            "bindings": { "amqp": {
                "is": "routingKey",
                "exchange": { "name": names::TELEMETRY_EXCHANGE, "type": "topic", "durable": true, "autoDelete": false },
                "bindingVersion": BINDING_VERSION,
            } },
        }),
        _ => json!({
            "action": "send",
            "summary": "Publishes finished spans.",
            "description": "In batches; a process that cannot publish them drops them.",
            "channel": { "$ref": format!("#/channels/{SPANS}") },
            "messages": [{ "$ref": format!("#/channels/{SPANS}/messages/spans") }],
            "bindings": { "amqp": { "deliveryMode": names::TRANSIENT, "bindingVersion": BINDING_VERSION } },
        }),
    };
    Map::from_iter([(SPANS.to_owned(), part)])
}
