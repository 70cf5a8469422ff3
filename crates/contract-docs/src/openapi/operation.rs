//! A row of the gateway's route table as an OpenAPI operation.

use contracts::naming;
use gateway::routing::table::TABLE;
use gateway::{Builtin, Route, Source, Success, Work};
use serde_json::{Value, json};

use crate::components::{Components, contract};
use crate::openapi::responses::responses;

/// The tag of routes that repeat another route.
pub(crate) const ALIASES: &str = "aliases";
/// 1 to 255 visible ASCII characters, in quotation marks (RFC 9651) or without.
const IDEMPOTENCY_KEY: &str = r#"^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$"#;

/// The operation of a row.
pub(crate) fn operation(route: &Route, components: &mut Components) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [tag(route)],
        "parameters": parameters(route, components),
        "responses": responses(route, components),
    });
    match route.work {
        Work::Rpc(rpc) => {
            let contract = contract(rpc.pattern);
            operation["summary"] = components.purpose(contract).into();
            operation["x-pattern"] = contract.pattern.into();
            operation["x-version"] = contract.version.into();
            if route.source == Source::Body {
                operation["requestBody"] = body(&components.message(contract));
            }
        }
        Work::Builtin(own) => operation["summary"] = own.purpose().into(),
    }
    if route.is_public_by_setting() {
        operation["security"] = json!([{}, { "bearer": [] }]);
    }
    operation["description"] = description(route).into();
    if route.guarded {
        operation["security"] = json!([{ "bearer": [] }]);
    }
    operation
}

/// Unique, because a path and a method are: `POST /orders` is `postOrders`, `GET /orders/{id}` is `getOrdersId`.
fn operation_id(route: &Route) -> String {
    let mut id = route.method.to_lowercase();
    for word in route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        id.push_str(&word[..1].to_uppercase());
        id.push_str(&word[1..]);
    }
    id
}

/// The description: what the summary does not say.
fn description(route: &Route) -> String {
    let mut words = Vec::new();
    if let Some(other) = alias_of(route) {
        words.push(format!("Another name for `{} {}`.", other.method, other.path));
    }
    match route.work {
        Work::Rpc(rpc) => {
            words.push(format!("Executed by a worker of `{}`.", rpc.pattern));
            if let Some(inbox) = route.inbox {
                words.push(format!(
                    "The state of listeners comes from `{inbox}`; it is `unknown` if no worker replies."
                ));
            }
            if rpc.safe {
                words.push("It changes nothing and can be repeated safely.".into());
            }
        }
        Work::Builtin(_) => words.push("Answered by the gateway itself.".into()),
    }
    let more = [
        (route.guarded, "Needs an access token."),
        (route.keyed, "With an `Idempotency-Key` it is executed once, however often it is sent."),
        (route.limit.is_some(), "Has a rate limit by address: beyond it, the response is 429 with `Retry-After`."),
        (route.success == Success::Page, "The header `Link` with `rel=\"next\"` leads to the next page."),
    ];
    words.extend(more.into_iter().filter(|(is_so, _)| *is_so).map(|(_, sentence)| sentence.to_owned()));
    words.join(" ")
}

/// The earlier route that this one repeats.
fn alias_of(route: &Route) -> Option<&'static Route> {
    let same = |other: &&Route| other.pattern() == route.pattern() && other.source == Source::Body;
    let first = TABLE.iter().find(|other| route.source == Source::Body && same(other))?;
    (first.path != route.path).then_some(first)
}

/// The tag: the service that replies, or the kind of built-in endpoint.
fn tag(route: &Route) -> &'static str {
    if alias_of(route).is_some() {
        return ALIASES;
    }
    match route.work {
        Work::Rpc(rpc) => naming::service(rpc.pattern),
        Work::Builtin(Builtin::File(_) | Builtin::Part(_)) => "contract",
        Work::Builtin(_) => "system",
    }
}

fn parameters(route: &Route, components: &mut Components) -> Vec<Value> {
    let mut parameters = Vec::new();
    if let (Work::Rpc(rpc), Source::Url) = (route.work, route.source) {
        let contract = contract(rpc.pattern);
        let example: Value = serde_json::from_str(contract.example).expect("an example is JSON: a test reads each");
        for (name, required, mut schema) in components.fields(contract) {
            let in_path = route.path.contains(&format!("{{{name}}}"));
            let place = if in_path { "path" } else { "query" };
            let words = schema["description"].take();
            schema.as_object_mut().map(|schema| schema.remove("description"));
            let required = in_path || required;
            let mut parameter =
                json!({ "name": name, "in": place, "required": required, "description": words, "schema": schema });
            // The page would send an example of an optional parameter with every trial, and find nothing.
            if required {
                parameter["example"] = example[name].clone();
            }
            parameters.push(parameter);
        }
    }
    if route.success == Success::EventStream {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false,
            "description": "The last event seen: the stream starts with the events after it. Browsers send it automatically.",
            "schema": { "type": "string", "format": "uuid" },
        }));
    }
    if route.keyed {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Requests of one caller with the same key are executed once; the key is kept for a day.",
            "schema": { "type": "string", "pattern": IDEMPOTENCY_KEY },
        }));
    }
    parameters
}

fn body(message: &Value) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": message } } })
}
