//! The responses of an operation: its success, and a problem for the status of each of its codes.

use std::collections::BTreeMap;

use contracts::{Code, EVENTS};
use gateway::{Problem, Route, Success, Work, status};
use serde_json::{Map, Value, json};

use crate::components::{Components, alternatives, contract};

/// The `responses` of an operation.
pub(crate) fn responses(route: &Route, components: &mut Components) -> Value {
    let mut responses = Map::new();
    let (status, mut success) = success(route, components);
    if route.limit.is_some() {
        let value =
            |example: &str| format!("Structured as in draft-ietf-httpapi-ratelimit-headers, such as `{example}`.");
        success["headers"]["RateLimit-Policy"] = header(&value("\"logins\";q=60;w=60"), false);
        success["headers"]["RateLimit"] = header(&value("\"logins\";r=59;t=60"), false);
    }
    responses.insert(status.to_owned(), success);
    let problem = components.of::<Problem<'_>>();
    let words = words(components);
    for (status, codes) in problems(route) {
        responses.insert(status.to_string(), failure(status, &codes, &problem, &words));
    }
    responses.into()
}

fn success(route: &Route, components: &mut Components) -> (&'static str, Value) {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    let (media_type, mut schema) = match route.work {
        Work::Rpc(rpc) => ("application/json", components.reply(contract(rpc.pattern))),
        Work::Builtin(own) => (own.media_type(), own.schema(components.generator()).to_value()),
    };
    let (status, description) = match route.success {
        Success::Ok => ("200", "Done."),
        Success::Created => ("201", "Created."),
        Success::NoContent => return ("204", json!({ "description": "Done.", "headers": headers })),
        Success::CreatedAt(path) => {
            headers["Location"] = header(&format!("The URL of the new resource: {path} with its id."), true);
            ("201", "Created.")
        }
        Success::Page => {
            headers["Link"] = header("The next page, with rel=\"next\" (RFC 8288); absent on the last.", false);
            headers["X-Total-Count"] = header("The number of all matching orders, up to 1000; with total=true.", false);
            headers["X-Total-Count"]["schema"] = json!({ "type": "integer" });
            headers["X-Total-Count-Relation"] =
                header("eq: the total is exact; gte: there are at least that many.", false);
            headers["X-Total-Count-Relation"]["schema"] = json!({ "type": "string", "enum": ["eq", "gte"] });
            headers["ETag"] = header(
                "The version of the page; with it in If-None-Match, the response is 304 until it changes.",
                false,
            );
            schema = components.resolve(&schema)["properties"]["items"].clone();
            ("200", "A page of the list.")
        }
        Success::EventStream => {
            let stream = json!({ "text/event-stream": { "schema": feed_event(components) } });
            let description = "An endless stream of server-sent events; the schema describes one event.";
            return ("200", json!({ "description": description, "headers": headers, "content": stream }));
        }
    };
    let content = json!({ media_type: { "schema": schema } });
    (status, json!({ "description": description, "headers": headers, "content": content }))
}

/// A server-sent event. As always in OpenAPI 3.1, `data` is text; `contentSchema` describes its content.
fn feed_event(components: &mut Components) -> Value {
    let (names, contents): (Vec<&str>, Vec<Value>) = EVENTS
        .iter()
        .filter(|event| event.service == "orders")
        .map(|event| (event.name, components.event(event)))
        .unzip();
    let content = if let [only] = &contents[..] { only.clone() } else { json!({ "anyOf": contents }) };
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "format": "uuid", "description": "For Last-Event-ID." },
            "event": { "type": "string", "enum": names },
            "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": content },
        },
        "required": ["id", "event", "data"],
    })
}

/// The codes by status: those that any route of this kind may answer with, and those of the pattern's worker.
fn problems(route: &Route) -> BTreeMap<u16, Vec<Code>> {
    let mut problems: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    let faults = route.pattern().map_or(&[][..], |pattern| contract(pattern).faults);
    for code in route.codes().into_iter().chain(faults.iter().copied()) {
        let codes = problems.entry(status(code).as_u16()).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    for codes in problems.values_mut() {
        let mut named = Vec::new();
        codes.retain(|code| {
            !named.contains(code) && {
                named.push(*code);
                true
            }
        });
    }
    problems
}

fn failure(status: u16, codes: &[Code], problem: &Value, words: &BTreeMap<String, String>) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let lines: Vec<String> = names.iter().map(|name| format!("- `{name}`: {}", words[*name])).collect();
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    match status {
        401 => headers["WWW-Authenticate"] = header("The required authentication (RFC 6750).", true),
        429 | 503 => {
            // It is unknown when a stream will end.
            let known = !codes.contains(&Code::TooManyStreams);
            headers["Retry-After"] = header("Seconds to wait before the next attempt.", known);
        }
        _ => {}
    }
    let code = json!({ "type": "string", "enum": names });
    let schema = json!({ "allOf": [problem, { "type": "object", "properties": { "code": code } }] });
    let content = json!({ "application/problem+json": { "schema": schema } });
    json!({ "description": lines.join("\n"), "headers": headers, "content": content })
}

/// The description of each code.
fn words(components: &mut Components) -> BTreeMap<String, String> {
    let code = components.of::<Code>();
    let all = alternatives(components.resolve(&code)).expect("a code is one of several");
    all.into_iter().map(|(name, sentence)| (name.to_owned(), sentence.to_owned())).collect()
}

fn header(description: &str, required: bool) -> Value {
    json!({ "description": description, "required": required, "schema": { "type": "string" } })
}
