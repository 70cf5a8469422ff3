//! Finds what the current documents break for users of the released ones.

use serde_json::{Map, Value};

use crate::compat::narrower::{Place, Way, breaks};

/// The breaking changes of the AsyncAPI document, by message. A message with a raised version may break.
pub fn broken_messages(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, before) in object(&old["components"]["messages"]) {
        let now = &new["components"]["messages"][name];
        let (message, role) = name.rsplit_once('.').unwrap_or((name, ""));
        if now.is_null() {
            found.push(format!("{message}: it is gone"));
        } else if !raised(before, now) {
            let way = if role == "request" { Way::In } else { Way::Out };
            let (old, new) = (at(old, &before["payload"]), at(new, &now["payload"]));
            breaks(way, old, new, &format!("{message} ({role})"), &mut found);
        }
    }
    found
}

/// The breaking changes of the OpenAPI document, by route. A route with a raised version may break.
pub fn broken_routes(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, operations) in object(&old["paths"]) {
        for (method, before) in object(operations) {
            let route = format!("{} {path}", method.to_uppercase());
            let now = &new["paths"][path][method];
            if now.is_null() {
                found.push(format!("{route}: it is gone"));
            } else if !raised(before, now) {
                broken_route((old, before), (new, now), &route, &mut found);
            }
        }
    }
    found
}

fn broken_route((old, before): (&Value, &Value), (new, now): (&Value, &Value), route: &str, found: &mut Vec<String>) {
    if before["security"].is_null() && !now["security"].is_null() {
        found.push(format!("{route}: it needs a token now"));
    }
    let body = |operation: &Value| operation["requestBody"]["content"]["application/json"]["schema"].clone();
    breaks(Way::In, at(old, &body(before)), at(new, &body(now)), route, found);
    parameters((old, before), (new, now), route, found);
    for (status, response) in object(&before["responses"]).iter().filter(|(status, _)| status.starts_with('2')) {
        let contents = &now["responses"][status]["content"];
        for (media_type, content) in object(&response["content"]) {
            if contents[media_type].is_null() {
                found.push(format!("{route}: it does not answer {status} {media_type} any more"));
            } else {
                let (old, new) = (at(old, &content["schema"]), at(new, &contents[media_type]["schema"]));
                breaks(Way::Out, old, new, &format!("{route} → {status}"), found);
            }
        }
    }
}

fn parameters((old, before): (&Value, &Value), (new, now): (&Value, &Value), route: &str, found: &mut Vec<String>) {
    let all = |operation: &Value| operation["parameters"].as_array().cloned().unwrap_or_default();
    let (before, now) = (all(before), all(now));
    let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
    for parameter in &before {
        let name = &parameter["name"];
        match now.iter().find(|other| same(parameter, other)) {
            None => found.push(format!("{route}: the parameter {name} is gone")),
            Some(other) => {
                let (old, new) = (at(old, &parameter["schema"]), at(new, &other["schema"]));
                breaks(Way::In, old, new, &format!("{route} {name}"), found);
            }
        }
    }
    for parameter in now.iter().filter(|parameter| parameter["required"] == true) {
        if !before.iter().any(|other| same(parameter, other) && other["required"] == true) {
            found.push(format!("{route}: the parameter {} is required now", parameter["name"]));
        }
    }
}

fn raised(before: &Value, now: &Value) -> bool {
    now["x-version"].as_u64() > before["x-version"].as_u64()
}

const fn at<'a>(document: &'a Value, schema: &'a Value) -> Place<'a> {
    Place { document, schema }
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}
