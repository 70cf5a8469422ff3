//! The bodies of messages: the packets of NestJS's RabbitMQ transport that wrap requests, replies and events.

use contracts::{Code, Contract, EventContract, Fault};
use serde_json::{Value, json};

use crate::components::Components;

/// A request.
pub(crate) fn request(contract: &Contract, components: &mut Components) -> Value {
    json!({
        "type": "object",
        "properties": {
            "pattern": { "type": "string", "const": contract.pattern },
            "data": components.message(contract),
            "id": { "type": "string", "description": "The caller's own id for this request." },
        },
        "required": ["pattern"],
    })
}

/// The reply of a success.
pub(crate) fn response(contract: &Contract, components: &mut Components) -> Value {
    packet("response", &components.reply(contract))
}

/// The reply of a request that was refused or failed.
pub(crate) fn fault(contract: &Contract, components: &mut Components) -> Value {
    let codes: Vec<&str> = contract.all_faults().map(Code::as_str).collect();
    let fault = components.of::<Fault>();
    let code = json!({ "title": title(contract.pattern, "Code"), "type": "string", "enum": codes });
    let narrowed =
        json!({ "title": title(contract.pattern, "FaultCode"), "type": "object", "properties": { "code": code } });
    let err = json!({ "title": title(contract.pattern, "Error"), "allOf": [fault, narrowed] });
    packet("err", &err)
}

/// An event. Its id is the AMQP `message_id`, because an `id` in the packet would make it a request.
pub(crate) fn event(event: &EventContract, components: &mut Components) -> Value {
    json!({
        "type": "object",
        "properties": { "pattern": { "type": "string", "const": event.name }, "data": components.event(event) },
        "required": ["pattern", "data"],
        "additionalProperties": false,
    })
}

/// A packet with one key: if it had another one, a Nest client would return the whole packet to its caller.
fn packet(key: &str, content: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { key: content, "isDisposed": { "type": "boolean", "const": true } },
        "required": [key, "isDisposed"],
        "additionalProperties": false,
    })
}

/// The name in generated code: the request of `users.on_order_created` is `UsersOnOrderCreatedRequest`.
pub(crate) fn title(name: &str, role: &str) -> String {
    let mut title = String::new();
    for word in name.split(['.', '_']).filter(|word| !word.is_empty()) {
        title.push_str(&word[..1].to_uppercase());
        title.push_str(&word[1..]);
    }
    title + role
}
