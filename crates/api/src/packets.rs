//! The bodies of messages: the packets of NestJS's RabbitMQ transport around what is sent and answered.

use contracts::{Code, Contract, EventContract, Fault};
use serde_json::{Value, json};

use crate::components::Components;

/// A request as it is sent.
pub(crate) fn request(contract: &Contract, components: &mut Components) -> Value {
    json!({
        "type": "object",
        "properties": {
            "pattern": { "const": contract.pattern },
            "data": components.message(contract),
            "id": { "type": "string", "description": "The caller's own mark for this request." },
        },
        "required": ["pattern"],
    })
}

/// The answer to a request that was done.
pub(crate) fn response(contract: &Contract, components: &mut Components) -> Value {
    packet("response", &components.reply(contract))
}

/// The answer to a request that was refused or failed.
pub(crate) fn fault(contract: &Contract, components: &mut Components) -> Value {
    let codes: Vec<&str> = contract.all_faults().map(Code::as_str).collect();
    let fault = components.of::<Fault>();
    packet("err", &json!({ "allOf": [fault, { "type": "object", "properties": { "code": { "enum": codes } } }] }))
}

/// An event as it is told: its id is the AMQP `message_id`, for an `id` here would make it a request.
pub(crate) fn event(event: &EventContract, components: &mut Components) -> Value {
    json!({
        "type": "object",
        "properties": { "pattern": { "const": event.name }, "data": components.event(event) },
        "required": ["pattern", "data"],
        "additionalProperties": false,
    })
}

/// With any other key in it, a Nest client would hand the whole packet to its caller.
fn packet(key: &str, content: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { key: content, "isDisposed": { "const": true } },
        "required": [key, "isDisposed"],
        "additionalProperties": false,
    })
}
