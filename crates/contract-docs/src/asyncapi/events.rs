//! The part of the AsyncAPI document about events: the publisher and the exchange of each, and its listeners and their queues.

use amqp::names;
use contracts::{EVENTS, EventContract, LISTENERS, SubscriptionInfo};
use serde_json::{Map, Value, json};

use crate::asyncapi::{BINDING_VERSION, packets};
use crate::components::{Components, purpose};

/// Adds to one part of the document.
pub(crate) fn parts(kind: &str, components: &mut Components) -> Map<String, Value> {
    let mut parts = Map::new();
    for event in &EVENTS {
        let (name, part) = match kind {
            "messages" => (format!("{}.event", event.name), message(event, components)),
            "channels" => (event.name.to_owned(), exchange(event)),
            _ => (format!("{}.tell", event.name), operation("send", event.name, event.name)),
        };
        parts.insert(name, part);
    }
    for listener in LISTENERS.iter().filter(|_| kind != "messages") {
        let part =
            if kind == "channels" { queue(listener) } else { operation("receive", listener.name, listener.event) };
        parts.insert(listener.name.to_owned(), part);
    }
    parts
}

fn message(event: &EventContract, components: &mut Components) -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let schema = components.event(event);
    let words = components.resolve(&schema)["description"].as_str().unwrap_or_default();
    let summary = purpose(words);
    let data: Value = serde_json::from_str(event.example).expect("an example is JSON: a test reads each");
    json!({
        "name": event.name,
        "summary": summary,
        "contentType": "application/json",
        "x-version": event.version,
        "headers": {
            "type": "object",
            "properties": {
                "message_id": text("Property: the event's identity, the same at each delivery: a UUID, or text that identifies it."),
                names::OWNER: text("The user who owns what the event is about."),
                names::REQUEST_ID: text("The request that caused it."),
                names::TRACEPARENT: text("W3C trace context of that request."),
                names::SEQUENCE: {
                    "type": "integer",
                    "description": "The event's number in the order in which its service publishes: it increases, with gaps, \
                                    and is the same at each delivery. Absent from events of releases before 0.2.",
                },
            },
            "required": ["message_id"],
        },
        "payload": packets::event(event, components),
        "examples": [{ "payload": { "pattern": event.name, "data": data } }],
    })
}

/// The channel that it is published to.
fn exchange(event: &EventContract) -> Value {
    json!({
        "address": event.name,
        "messages": messages(event.name),
        "bindings": { "amqp": {
            "is": "routingKey",
            "exchange": { "name": names::EVENTS_EXCHANGE, "type": "topic", "durable": true, "autoDelete": false },
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

/// The channel of a listener.
fn queue(listener: &SubscriptionInfo) -> Value {
    json!({
        "address": listener.name,
        "description": format!("Events that cannot be handled are dead-lettered to {}.", amqp::topology::dead_queue(listener.name)),
        "messages": messages(listener.event),
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": listener.name, "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

fn messages(event: &str) -> Value {
    json!({ "event": { "$ref": format!("#/components/messages/{event}.event") } })
}

fn operation(action: &str, channel: &str, event: &str) -> Value {
    json!({
        "action": action,
        "summary": format!("{} {event}.", if action == "send" { "Publishes" } else { "Handles" }),
        "description": if action == "send" {
            "Published after the transaction that recorded it is committed, and again until the broker confirms it."
        } else {
            "Takes effect once for each event. An event that cannot be handled is retried, and finally dead-lettered."
        },
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": [{ "$ref": format!("#/channels/{channel}/messages/event") }],
        "bindings": { "amqp": { "deliveryMode": names::PERSISTENT, "ack": true, "bindingVersion": BINDING_VERSION } },
    })
}
