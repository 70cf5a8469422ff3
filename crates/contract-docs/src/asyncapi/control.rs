//! The part of the AsyncAPI document about the exchange `control`: how processes are asked how they fare, and what they tell.

use amqp::names;
use contracts::control::{RELAYS, Stats};
use serde_json::{Map, Value, json};

use crate::asyncapi::BINDING_VERSION;
use crate::components::Components;

const QUESTION: &str = "control.stats";
const ANSWER: &str = "control.stats.reply";

/// What it adds to one part of the document.
pub(crate) fn parts(kind: &str, components: &mut Components) -> Map<String, Value> {
    let parts = match kind {
        "messages" => vec![("control.stats.request", question()), ("control.stats.response", answer(components))],
        "channels" => vec![(QUESTION, questions()), (ANSWER, answers())],
        _ => vec![(QUESTION, operation())],
    };
    parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect()
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn question() -> Value {
    json!({
        "name": "control.stats.request",
        "summary": "Asks the processes of a name how they fare.",
        "contentType": "application/json",
        "correlationId": { "location": "$message.header#/correlation_id" },
        "headers": { "type": "object", "properties": {
            "correlation_id": text("Property: comes back with each answer."),
            "reply_to": { "type": "string", "pattern": r"^replies\.",
                "description": "Property: a routing key of the exchange `control`, under `replies.`, to which the asker has bound \
                    a queue of its own. What has another address is not answered." },
        } },
        "payload": { "type": "object", "description": "Anything: only the routing key counts." },
    })
}

fn answer(components: &mut Components) -> Value {
    json!({
        "name": "control.stats.response",
        "summary": "How one process fares.",
        "contentType": "application/json",
        "correlationId": { "location": "$message.header#/correlation_id" },
        "headers": { "type": "object", "properties": { "correlation_id": text("Property: that of the question.") } },
        "payload": {
            "type": "object",
            "properties": { "response": components.of::<Stats>(), "isDisposed": { "const": true } },
            "required": ["response", "isDisposed"],
        },
    })
}

fn exchange() -> Value {
    json!({ "amqp": {
        "is": "routingKey",
        "exchange": { "name": names::CONTROL_EXCHANGE, "type": "topic", "durable": true, "autoDelete": false },
        "bindingVersion": BINDING_VERSION,
    } })
}

fn questions() -> Value {
    json!({
        "address": "stats.{name}",
        "description": "Every process of the name answers, within a quarter of a second. The key `stats` asks all.",
        "parameters": { "name": { "description": "Whom to ask.", "enum": RELAYS } },
        "messages": { "request": { "$ref": "#/components/messages/control.stats.request" } },
        "bindings": exchange(),
    })
}

/// Where an asker hears is known only when it asks.
fn answers() -> Value {
    json!({
        "messages": { "response": { "$ref": "#/components/messages/control.stats.response" } },
        "bindings": exchange(),
    })
}

fn operation() -> Value {
    json!({
        "action": "receive",
        "summary": "Tells how it fares.",
        "description": "Each process of the name answers for itself.",
        "channel": { "$ref": format!("#/channels/{QUESTION}") },
        "messages": [{ "$ref": format!("#/channels/{QUESTION}/messages/request") }],
        "bindings": { "amqp": { "deliveryMode": names::TRANSIENT, "ack": false, "bindingVersion": BINDING_VERSION } },
        "reply": {
            "address": { "location": "$message.header#/reply_to" },
            "channel": { "$ref": format!("#/channels/{ANSWER}") },
            "messages": [{ "$ref": format!("#/channels/{ANSWER}/messages/response") }],
        },
    })
}
