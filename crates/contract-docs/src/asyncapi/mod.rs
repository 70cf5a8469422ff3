//! The AsyncAPI 3.0 document of the messages: every request pattern with its queue, its reply and its errors; every event.

pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod packets;
pub(crate) mod telemetry;

use amqp::names;
use contracts::{CONTRACTS, Contract};
use serde_json::{Map, Value, json};

use crate::about::{LICENSE, LICENSE_URL, VERSION};
use crate::components::Components;

pub(crate) const BINDING_VERSION: &str = "0.3.0";
const DESCRIPTION: &str = "\
Bodies are the packets of NestJS's RabbitMQ transport. A request goes to the queue named like its pattern, or to the topic \
exchange `patterns` with the pattern as routing key. Everybody who may publish is trusted with the header `caller`. Events are \
published to the topic exchange `events` under their names, at least once: listeners recognise duplicates by `message_id`.\n\n\
A request's identity is its `message_id` if that is a UUID. Otherwise it is derived from the reply address, the ids that the \
sender set (correlation id, message id, the packet's id), the caller and the body: only a request with all of these equal is \
a repetition. A request without any of these ids has no identity, and may be executed twice if a worker crashes. The same \
identity with another payload or caller is refused with `message_id_reused`.\n\n\
A request is executed within its `expiration`, by the broker's clock while it is queued and by the worker's monotonic clock \
after delivery (within its header `budget`, if it has one); the clocks need not agree. A request that expires in its queue is \
dead-lettered to the headers exchange `expired`: a caller that sets the header `expired-to` and binds a queue there by it gets \
the request back. This proves that it was not executed, unless a message of the AMQP type `begun`, without a body, has arrived \
at `reply_to` before: workers send it to such callers when they begin with a request that changes something. A request that \
arrives too late is dropped without a reply. So is, before any work, one whose \
`reply_to` names no queue, or a queue of the system's own. A message of more than one mebibyte, or with a malformed header of \
this contract, is refused; large headers of others are ignored. Requests that a worker did not settle wait in \
`<pattern>.redelivered` and are taken one at a time; one that brings down three workers there is answered `internal`.";

const TAGS: [(&str, &str); 2] = [("users", "Accounts and sessions."), ("orders", "Orders, and who placed them.")];

/// The document.
pub fn asyncapi() -> Value {
    let mut components = Components::new();
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for contract in &CONTRACTS {
        let pattern = contract.pattern;
        for (role, message) in exchange(contract, &mut components) {
            messages.insert(format!("{pattern}.{role}"), message);
        }
        channels.insert(pattern.to_owned(), queue(contract));
        channels.insert(format!("{pattern}.reply"), replies(contract));
        operations.insert(pattern.to_owned(), operation(contract, &components.purpose(contract)));
    }
    channels.insert(names::PATTERNS_EXCHANGE.to_owned(), topic_exchange());
    for (kind, part) in [("channels", &mut channels), ("operations", &mut operations), ("messages", &mut messages)] {
        part.extend(events::parts(kind, &mut components));
        part.extend(control::parts(kind, &mut components));
        part.extend(telemetry::parts(kind, &mut components));
    }
    let mut document = json!({
        // Not 3.1 yet: Modelina 5.10 does not support it.
        "asyncapi": "3.0.0",
        "info": {
            "title": "Users and orders",
            "version": VERSION,
            "description": DESCRIPTION,
            "contact": { "name": "The maintainers" },
            "license": { "name": LICENSE, "url": LICENSE_URL },
            "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        },
        "defaultContentType": "application/json",
        "servers": { "broker": {
            "host": "127.0.0.1:5672",
            "protocol": "amqp",
            "protocolVersion": "0.9.1",
            "description": "RabbitMQ; the setting AMQP_URL.",
            "security": [{ "$ref": "#/components/securitySchemes/account" }],
        } },
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages },
    });
    for (name, message) in document["components"]["messages"].as_object_mut().into_iter().flatten() {
        entitle(name, message);
    }
    let mut schemas: Value = components.finish(&document).into();
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        entitle_words(name, schema);
    }
    bare_references(&mut schemas);
    bare_references(&mut document["components"]["messages"]);
    document["components"]["schemas"] = schemas;
    document["components"]["securitySchemes"] = json!({ "account": { "type": "userPassword" } });
    document
}

/// Names the parts of a message: generated code would call them anonymous.
fn entitle(name: &str, message: &mut Value) {
    for (part, suffix) in [("payload", ""), ("headers", "Headers")] {
        if message[part]["title"].is_null() {
            message[part]["title"] = packets::title(name, suffix).into();
        }
    }
}

/// Names each enumeration, for the same reason.
fn entitle_words(name: &str, schema: &mut Value) {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (field, part) in fields.into_iter().flatten() {
        if part.get("enum").is_some() && part.get("title").is_none() {
            part["title"] = packets::title(name, &packets::title(field, "")).into();
        }
    }
}

/// Removes what stands beside a reference: AsyncAPI's schemas are of draft 7, which ignores it.
fn bare_references(value: &mut Value) {
    match value {
        Value::Object(object) if object.get("$ref").is_some_and(Value::is_string) => {
            object.retain(|key, _| key == "$ref");
        }
        Value::Object(object) => object.values_mut().for_each(bare_references),
        Value::Array(parts) => parts.iter_mut().for_each(bare_references),
        _ => {}
    }
}

/// The messages of a pattern: the request, and its two kinds of reply.
fn exchange(contract: &Contract, components: &mut Components) -> [(&'static str, Value); 3] {
    let pattern = contract.pattern;
    let purpose = components.purpose(contract);
    let message = |role: &str, summary: &str, payload: Value| {
        json!({
            "name": format!("{pattern}.{role}"),
            "summary": summary,
            "contentType": "application/json",
            "correlationId": { "location": "$message.header#/correlation_id" },
            "x-version": contract.version,
            "headers": reply_headers(),
            "payload": payload,
        })
    };
    let mut request = message("request", &purpose, packets::request(contract, components));
    request["headers"] = request_headers();
    let data: Value = serde_json::from_str(contract.example).expect("an example is JSON: a test reads each");
    request["examples"] =
        json!([{ "payload": { "pattern": pattern, "data": data, "id": "0197b2f1-6a1c-7c3a-9d2e-1f4b5c6d7e8f" } }]);
    let response = message("response", "Done.", packets::response(contract, components));
    let fault = message("fault", "Refused or failed.", packets::fault(contract, components));
    [("request", request), ("response", response), ("fault", fault)]
}

/// AMQP properties and headers together: AsyncAPI does not distinguish them.
fn request_headers() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "properties": {
            "correlation_id": text("Property: returned with the reply."),
            "reply_to": text("Property: amq.rabbitmq.reply-to, or a queue that exists and is not the system's own."),
            "message_id": text("Property: the request's identity, a UUID; its effect is keyed by it. Send one: see above."),
            "expiration": text("Property: how many milliseconds the caller waits; then the broker drops the request. If absent, \
                until the deadline, or 30 seconds."),
            names::CALLER: text("The verified user on whose behalf the request is made."),
            names::SESSION: text("The user's session, a UUID, if their access token names one."),
            names::BUDGET: { "type": "integer", "format": "int64",
                "description": "How many milliseconds the caller waits, if the expiration is shorter: that then limits only how \
                    long the request may wait in its queue." },
            names::EXPIRED_TO: text("Who gets the request back if it expires in its queue: the bindings of the exchange \
                `expired` match it. With this header a message of type `begun` may precede the reply."),
            names::DEADLINE: { "type": "integer", "format": "int64",
                "description": "When the caller stops waiting, by its own clock: Unix milliseconds, as any kind of number. \
                    Only informative if there is an expiration." },
            names::REQUEST_ID: text("The id of this request in logs."),
            names::IDEMPOTENCY_KEY: text("Identifies repeated requests of one caller as the same."),
            names::TRACEPARENT: text("W3C trace context."),
        },
    })
}

fn reply_headers() -> Value {
    let correlation_id = json!({ "type": "string", "description": "Property: that of the request." });
    json!({ "type": "object", "properties": { "correlation_id": correlation_id } })
}

fn queue(contract: &Contract) -> Value {
    let pattern = contract.pattern;
    json!({
        "address": pattern,
        "messages": { "request": { "$ref": format!("#/components/messages/{pattern}.request") } },
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": pattern, "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

/// The address of a reply is in the request.
fn replies(contract: &Contract) -> Value {
    let message = |role: &str| json!({ "$ref": format!("#/components/messages/{}.{role}", contract.pattern) });
    json!({ "messages": { "response": message("response"), "fault": message("fault") } })
}

/// Every request queue again, for clients that publish to a topic exchange.
fn topic_exchange() -> Value {
    let patterns: Vec<&str> = CONTRACTS.iter().map(|contract| contract.pattern).collect();
    let message =
        |pattern: &&str| ((*pattern).to_owned(), json!({ "$ref": format!("#/components/messages/{pattern}.request") }));
    json!({
        "address": "{pattern}",
        "description": "The same queues, by routing key.",
        "parameters": { "pattern": { "description": "The routing key.", "enum": patterns } },
        "messages": patterns.iter().map(message).collect::<Map<_, _>>(),
        "bindings": { "amqp": {
            "is": "routingKey",
            "exchange": { "name": names::PATTERNS_EXCHANGE, "type": "topic", "durable": true, "autoDelete": false },
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

/// The operation of a pattern's workers.
fn operation(contract: &Contract, purpose: &str) -> Value {
    let pattern = contract.pattern;
    let channel = format!("#/channels/{pattern}");
    let message = |of: &str, role: &str| json!({ "$ref": format!("{of}/messages/{role}") });
    let reply = format!("{channel}.reply");
    json!({
        "action": "receive",
        "summary": purpose,
        "description": format!(
            "Its effect is keyed by the request's identity, so a repetition has no further effect. {}",
            if contract.safe { "It changes nothing." } else { "It changes something, once." },
        ),
        "channel": { "$ref": channel },
        "messages": [message(&channel, "request")],
        "bindings": { "amqp": { "deliveryMode": names::TRANSIENT, "ack": true, "bindingVersion": BINDING_VERSION } },
        "reply": {
            "address": { "location": "$message.header#/reply_to" },
            "channel": { "$ref": reply },
            "messages": [message(&reply, "response"), message(&reply, "fault")],
        },
    })
}
