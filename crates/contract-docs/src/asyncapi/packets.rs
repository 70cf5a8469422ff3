//! The bodies of messages: the packets of NestJS's RabbitMQ transport around what is sent and answered.

use contracts::{Code, Contract, EventContract, Fault};
use serde_json::{Value, json};

use crate::components::Components;

/// A request as it is sent.
pub(crate) fn request(contract: &Contract, components: &mut Components) -> Value {
    json!({
        "type": "object",
        "properties": {
            "pattern": { "type": "string", "const": contract.pattern },
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
    let code = json!({ "title": title(contract.pattern, "Code"), "type": "string", "enum": codes });
    let narrowed =
        json!({ "title": title(contract.pattern, "FaultCode"), "type": "object", "properties": { "code": code } });
    let err = json!({ "title": title(contract.pattern, "Error"), "allOf": [fault, narrowed] });
    packet("err", &err)
}

/// An event as it is told: its id is the AMQP `message_id`, for an `id` here would make it a request.
pub(crate) fn event(event: &EventContract, components: &mut Components) -> Value {
    json!({
        "type": "object",
        "properties": { "pattern": { "type": "string", "const": event.name }, "data": components.event(event) },
        "required": ["pattern", "data"],
        "additionalProperties": false,
    })
}

/// With any other key in it, a Nest client would hand the whole packet to its caller.
fn packet(key: &str, content: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { key: content, "isDisposed": { "type": "boolean", "const": true } },
        "required": [key, "isDisposed"],
        "additionalProperties": false,
    })
}

/// What generated code calls it: the request of `users.on_order_created` is `UsersOnOrderCreatedRequest`.
pub(crate) fn title(name: &str, role: &str) -> String {
    let mut title = String::new();
    for word in name.split(['.', '_']).filter(|word| !word.is_empty()) {
        title.push_str(&word[..1].to_uppercase());
        title.push_str(&word[1..]);
    }
    title + role
}
