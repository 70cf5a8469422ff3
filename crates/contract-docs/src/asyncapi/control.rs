//! The part of the AsyncAPI document about the exchange `control`: how processes are asked what they are and how they fare, and
//! what they tell.

use amqp::names;
use contracts::control::{GATEWAY, ProcessInfo, RELAYS, Stats};
use contracts::{LISTENERS, PATTERNS};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::asyncapi::BINDING_VERSION;
use crate::components::Components;

/// A question that any process is asked.
struct Inquiry {
    /// The first word of its routing key.
    word: &'static str,
    asks: &'static str,
    tells: &'static str,
    answer: &'static str,
}

const STATS: Inquiry = Inquiry {
    word: "stats",
    asks: "Asks the processes of a name how they fare.",
    tells: "Tells how it fares.",
    answer: "How one process fares.",
};
const DESCRIBE: Inquiry = Inquiry {
    word: "describe",
    asks: "Asks the processes of a name what they are.",
    tells: "Tells what it is.",
    answer: "What one process is.",
};

/// What it adds to one part of the document.
pub(crate) fn parts(kind: &str, components: &mut Components) -> Map<String, Value> {
    let mut parts = Map::new();
    for inquiry in [&STATS, &DESCRIBE] {
        let channel = format!("control.{}", inquiry.word);
        match kind {
            "messages" => {
                let answer = match inquiry.word {
                    "stats" => inquiry.answer_with::<Stats>(components),
                    _ => inquiry.answer_with::<ProcessInfo>(components),
                };
                parts.insert(format!("{channel}.request"), inquiry.question());
                parts.insert(format!("{channel}.response"), answer);
            }
            "channels" => {
                parts.insert(format!("{channel}.reply"), inquiry.answers());
                parts.insert(channel, inquiry.questions());
            }
            _ => drop(parts.insert(channel, inquiry.operation())),
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

impl Inquiry {
    fn question(&self) -> Value {
        json!({
            "name": format!("control.{}.request", self.word),
            "summary": self.asks,
            "contentType": "application/json",
            "correlationId": { "location": "$message.header#/correlation_id" },
            "headers": { "type": "object", "properties": {
                "correlation_id": text("Property: comes back with each answer."),
                "reply_to": { "type": "string", "pattern": r"^replies\.",
                    "description": "Property: a routing key of the exchange `control`, under `replies.`, to which the asker has \
                        bound a queue of its own. What has another address is not answered." },
            } },
            "payload": { "type": "object", "description": "Anything: only the routing key counts." },
        })
    }

    fn answer_with<T: JsonSchema>(&self, components: &mut Components) -> Value {
        json!({
            "name": format!("control.{}.response", self.word),
            "summary": self.answer,
            "contentType": "application/json",
            "correlationId": { "location": "$message.header#/correlation_id" },
            "headers": { "type": "object", "properties": { "correlation_id": text("Property: that of the question.") } },
            "payload": {
                "type": "object",
                "properties": { "response": components.of::<T>(), "isDisposed": { "const": true } },
                "required": ["response", "isDisposed"],
            },
        })
    }

    fn questions(&self) -> Value {
        let listeners = LISTENERS.iter().map(|listener| listener.name);
        let names: Vec<&str> = PATTERNS.into_iter().chain(listeners).chain(RELAYS).chain([GATEWAY]).collect();
        let word = self.word;
        let one = if word == "stats" { ", and `stats.NAME.INSTANCE` one of the name" } else { "" };
        json!({
            "address": format!("{word}.{{name}}"),
            "description": format!("Every process of the name answers, within a quarter of a second. The key `{word}` asks all{one}. \
                Only the gateway's account and an operator's may ask; the others only answer."),
            "parameters": { "name": { "description": "Whom to ask.", "enum": names } },
            "messages": { "request": { "$ref": format!("#/components/messages/control.{word}.request") } },
            "bindings": exchange(),
        })
    }

    /// Where an asker hears is known only when it asks.
    fn answers(&self) -> Value {
        json!({
            "messages": { "response": { "$ref": format!("#/components/messages/control.{}.response", self.word) } },
            "bindings": exchange(),
        })
    }

    fn operation(&self) -> Value {
        let channel = format!("control.{}", self.word);
        json!({
            "action": "receive",
            "summary": self.tells,
            "description": "Each process of the name answers for itself.",
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
