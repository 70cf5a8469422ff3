//! The same document in OpenAPI 3.0, for generators that do not read 3.1. What 3.0 cannot express is left out.

use serde_json::{Map, Value, json};

use crate::about::{LICENSE, LICENSE_URL};
use crate::openapi::openapi;

/// The document in OpenAPI 3.0.
pub fn openapi_3_0() -> Value {
    let mut document = openapi();
    document["openapi"] = "3.0.3".into();
    document["info"]["license"] = json!({ "name": LICENSE, "url": LICENSE_URL });
    lower(&mut document);
    prune(&mut document);
    document
}

/// Removes schemas that nothing refers to any more.
fn prune(document: &mut Value) {
    let text = document.to_string();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| text.contains(&format!("\"#/components/schemas/{name}\"")));
    }
}

/// Rewrites every schema in a part of the document.
fn lower(value: &mut Value) {
    match value {
        Value::Array(parts) => parts.iter_mut().for_each(lower),
        Value::Object(object) => {
            for (key, part) in object.iter_mut() {
                if key == "schema" {
                    schema(part);
                } else if key == "schemas" {
                    each(part, schema);
                } else {
                    lower(part);
                }
            }
        }
        _ => {}
    }
}

fn schema(value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    // OpenAPI 3.0 ignores everything beside a reference.
    if object.contains_key("$ref") {
        object.retain(|key, _| key == "$ref");
        return;
    }
    for key in ["contentMediaType", "contentSchema"] {
        object.remove(key);
    }
    // The list of required fields must not be empty in 3.0.
    if object.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        object.remove("required");
    }
    if let Some(only) = object.remove("const") {
        object.insert("enum".into(), json!([only]));
    }
    if let Some(first) = object.remove("examples").and_then(|examples| examples.get(0).cloned()) {
        object.insert("example".into(), first);
    }
    nullable(object);
    for key in ["properties", "items", "additionalProperties", "allOf", "anyOf", "oneOf"] {
        match object.get_mut(key) {
            Some(parts @ Value::Array(_)) => each(parts, schema),
            Some(parts) if key == "properties" => each(parts, schema),
            Some(part) => schema(part),
            None => {}
        }
    }
}

/// In 3.0 `null` is not a type but the keyword `nullable` beside one. A nullable `anyOf` is always an object here.
fn nullable(object: &mut Map<String, Value>) {
    if let Some(types) = object.get_mut("type").and_then(Value::as_array_mut) {
        let all = types.len();
        types.retain(|name| name != "null");
        let nullable = types.len() < all;
        let only = types.first().cloned().unwrap_or_default();
        object.insert("type".into(), only);
        if nullable {
            object.insert("nullable".into(), true.into());
        }
    }
    if let Some(parts) = object.get_mut("anyOf").and_then(Value::as_array_mut) {
        let all = parts.len();
        parts.retain(|part| part["type"] != "null");
        if parts.len() < all {
            let parts = object.remove("anyOf").unwrap_or_default();
            object.insert("type".into(), "object".into());
            object.insert("allOf".into(), parts);
            object.insert("nullable".into(), true.into());
        }
    }
}

fn each(parts: &mut Value, change: fn(&mut Value)) {
    match parts {
        Value::Array(parts) => parts.iter_mut().for_each(change),
        Value::Object(parts) => parts.values_mut().for_each(change),
        _ => {}
    }
}
