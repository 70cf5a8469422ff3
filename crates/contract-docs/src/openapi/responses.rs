//! What an operation can answer: its success, and a problem for every status that its codes have.

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
        Work::Ask(ask) => ("application/json", components.reply(contract(ask.pattern))),
        Work::Builtin(own) => (own.media_type(), own.schema(components.generator()).to_value()),
    };
    let (status, description) = match route.success {
        Success::Ok => ("200", "Done."),
        Success::Created => ("201", "Created."),
        Success::NoContent => return ("204", json!({ "description": "Done.", "headers": headers })),
        Success::CreatedAt(path) => {
            headers["Location"] = header(&format!("Where it is: {path} and its id."), true);
            ("201", "Created.")
        }
        Success::Page => {
            headers["Link"] = header("The next page, with rel=\"next\" (RFC 8288); absent on the last.", false);
            headers["X-Total-Count"] = header("How many there are altogether, up to 1000; with total=true.", false);
            headers["X-Total-Count"]["schema"] = json!({ "type": "integer" });
            headers["X-Total-Count-Relation"] = header("eq: that is all of them; gte: there are more.", false);
            headers["X-Total-Count-Relation"]["schema"] = json!({ "type": "string", "enum": ["eq", "gte"] });
            headers["ETag"] =
                header("Names the page as it is; with it in If-None-Match the answer is 304 until it changes.", false);
            schema = components.resolve(&schema)["properties"]["items"].clone();
            ("200", "A page of the list.")
        }
        Success::LiveSubscription => {
            let stream = json!({ "text/event-stream": { "schema": feed_event(components) } });
            let description = "Server-sent events without end, of which the schema says one.";
            return ("200", json!({ "description": description, "headers": headers, "content": stream }));
        }
    };
    let content = json!({ media_type: { "schema": schema } });
    (status, json!({ "description": description, "headers": headers, "content": content }))
}

/// One server-sent event. As everywhere in OpenAPI 3.1, `data` is text; what is in it follows `contentSchema`.
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

/// Status → codes: what any row of this kind may answer, and what the pattern's worker may.
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
        401 => headers["WWW-Authenticate"] = header("What is wanted (RFC 6750).", true),
        429 | 503 => {
            // Nobody knows when a stream will end.
            let known = !codes.contains(&Code::TooManyStreams);
            headers["Retry-After"] = header("Seconds after which to try again.", known);
        }
        _ => {}
    }
    let code = json!({ "type": "string", "enum": names });
    let schema = json!({ "allOf": [problem, { "type": "object", "properties": { "code": code } }] });
    let content = json!({ "application/problem+json": { "schema": schema } });
    json!({ "description": lines.join("\n"), "headers": headers, "content": content })
}

/// Code → its sentence.
fn words(components: &mut Components) -> BTreeMap<String, String> {
    let code = components.of::<Code>();
    let all = alternatives(components.resolve(&code)).expect("a code is one of several");
    all.into_iter().map(|(name, sentence)| (name.to_owned(), sentence.to_owned())).collect()
}

fn header(description: &str, required: bool) -> Value {
    json!({ "description": description, "required": required, "schema": { "type": "string" } })
}
