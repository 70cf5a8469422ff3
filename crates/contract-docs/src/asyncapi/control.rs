//! The part of the AsyncAPI document about the exchange `control`: status requests to processes, changes of their log level,
//! requests for traces, and their responses.

use amqp::names;
use contracts::control::{GATEWAY, LogLevelChange, LogLevelRequest, ProcessInfo, Stats};
use contracts::process_names;
use contracts::telemetry::{Trace, TraceRequest};
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
    /// Who responds, which other routing keys there are, and who may use them.
    keys: &'static str,
}

const STATS: StatusRequest = StatusRequest {
    word: "stats",
    request: "Requests the status of the processes with a name.",
    operation: "Reports its status.",
    response: "The status of one process.",
    keys: "Every process with the name responds, within a quarter of a second. The routing key `stats` addresses all processes, \
        and `stats.NAME.INSTANCE` addresses one instance. Only the accounts of the gateway and of operators may send requests; \
        the others can only respond.",
};
const DESCRIBE: StatusRequest = StatusRequest {
    word: "describe",
    request: "Requests the identity of the processes with a name.",
    operation: "Reports its identity.",
    response: "The identity of one process.",
    keys: "Every process with the name responds, within a quarter of a second. The routing key `describe` addresses all \
        processes. Only the accounts of the gateway and of operators may send requests; the others can only respond.",
};
const LOG_LEVEL: StatusRequest = StatusRequest {
    word: "log-level",
    request: "Changes the log level of the processes with a name for a limited time, at most an hour.",
    operation: "Changes its log level; its setting applies again afterwards.",
    response: "The changed log level of one process.",
    keys: "Every process with the name changes its log level and responds; `log-level.NAME.INSTANCE` addresses one instance. A \
        later request replaces an earlier one. The response to an invalid request is an `err`. Only the accounts of operators \
        may send requests.",
};
const TRACE: StatusRequest = StatusRequest {
    word: "trace",
    request: "Requests the spans of a trace, by its id or by that of a request or a message.",
    operation: "Returns the spans that it remembers.",
    response: "The spans that one gateway remembers.",
    keys: "Every gateway responds; `gateway` is the only name. Only the accounts of operators may send requests.",
};

/// Adds to one part of the document.
pub(crate) fn parts(kind: &str, components: &mut Components) -> Map<String, Value> {
    let mut parts = Map::new();
    for status in [&STATS, &DESCRIBE, &LOG_LEVEL, &TRACE] {
        let channel = format!("control.{}", status.word);
        match kind {
            "messages" => {
                let response = match status.word {
                    "stats" => status.response_with::<Stats>(components),
                    "describe" => status.response_with::<ProcessInfo>(components),
                    "trace" => status.response_with::<Trace>(components),
                    _ => status.response_with::<LogLevelChange>(components),
                };
                parts.insert(format!("{channel}.request"), status.request(components));
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
    fn request(&self, components: &mut Components) -> Value {
        let data = match self.word {
            "log-level" => Some(components.of::<LogLevelRequest>()),
            "trace" => Some(components.of::<TraceRequest>()),
            _ => None,
        };
        let payload = match data {
            Some(data) => json!({ "type": "object", "properties": { "data": data }, "required": ["data"] }),
            None => json!({ "type": "object", "description": "Ignored: only the routing key counts." }),
        };
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
            "payload": payload,
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
        let word = self.word;
        json!({
            "address": format!("{word}.{{name}}"),
            "description": self.keys,
            "parameters": { "name": { "description": "The name of the processes.", "enum": self.names() } },
            "messages": { "request": { "$ref": format!("#/components/messages/control.{word}.request") } },
            "bindings": exchange(),
        })
    }

    /// Who receives it.
    fn names(&self) -> Vec<&'static str> {
        if self.word == TRACE.word { vec![GATEWAY] } else { process_names() }
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
