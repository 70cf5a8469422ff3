//! The documents keep the rules of code generators and linters.

use contract_docs::{asyncapi, openapi, openapi_3_0};
use serde_json::Value;

/// Every object in a document, with where it is.
fn walk<'a>(value: &'a Value, at: &str, see: &mut dyn FnMut(&str, &'a Value)) {
    see(at, value);
    match value {
        Value::Object(parts) => parts.iter().for_each(|(key, part)| walk(part, &format!("{at}/{key}"), see)),
        Value::Array(parts) => parts.iter().enumerate().for_each(|(n, part)| walk(part, &format!("{at}/{n}"), see)),
        _ => {}
    }
}

fn assert_none(document: &Value, what: &str, is_bad: impl Fn(&str, &Value) -> bool) {
    let mut found = Vec::new();
    walk(document, "", &mut |at, value| {
        if is_bad(at, value) {
            found.push(at.to_owned());
        }
    });
    assert!(found.is_empty(), "{what}: {found:#?}");
}

#[test]
fn generators_accept_the_documents() {
    for document in [openapi(), openapi_3_0(), asyncapi()] {
        assert_none(&document, "a number that validators divide by a float", |_, value| {
            value.get("multipleOf").is_some_and(Value::is_f64)
        });
        assert_none(&document, "a schema that is only `true`", |at, value| {
            at.ends_with("/items") && value.is_boolean()
        });
        assert_none(&document, "the same name twice in an enum", |_, value| {
            let names = value["enum"].as_array().map_or(&[][..], Vec::as_slice);
            names.iter().enumerate().any(|(n, name)| names[..n].contains(name))
        });
        assert_none(&document, "names as `oneOf`: write an enum", |_, value| {
            value["oneOf"].as_array().is_some_and(|all| all.iter().all(|one| one.get("const").is_some()))
        });
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in ["System", "Object", "String", "Error", "Exception", "Record", "Thread", "Process"] {
            assert!(!schemas.contains_key(name), "{name} hides a type of Java's, or of JavaScript's");
        }
    }
    for document in [openapi(), openapi_3_0()] {
        assert_none(&document, "a parameter of more than one type", |at, value| {
            let many = value.get("anyOf").is_some() || (value["type"].is_array() && value["type"][1] != "null");
            at.contains("/parameters/") && at.ends_with("/schema") && many
        });
        assert_none(&document, "an operation without a description", |_, value| {
            value.get("operationId").is_some() && value["description"].as_str().is_none_or(str::is_empty)
        });
        assert_none(&document, "a list of what is in it without a bound", |at, value| {
            value["type"] == "array" && value.get("maxItems").is_none() && !at.contains("/Invalid/")
        });
    }
}

#[test]
fn the_openapi_3_0_document_uses_nothing_newer() {
    let document = openapi_3_0();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.0."));
    let newer = ["const", "examples", "contentMediaType", "contentSchema", "prefixItems", "$defs"];
    assert_none(&document, "words that OpenAPI 3.0 does not know", |at, value| {
        let is_schema = at.contains("/schema") && !at.ends_with("/properties");
        is_schema && (value["type"].is_array() || newer.iter().any(|key| value.get(key).is_some()))
    });
    assert_none(&document, "something beside a reference", |_, value| {
        value.get("$ref").is_some() && value.as_object().is_some_and(|object| object.len() > 1)
    });
    let paths = |document: &Value| document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&document), paths(&openapi()));
}

#[test]
fn every_payload_has_a_unique_title() {
    let document = asyncapi();
    let mut titles = Vec::new();
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        let title = message["payload"]["title"].as_str().unwrap_or_else(|| panic!("{name} has no title"));
        assert!(!titles.contains(&title), "{title} twice");
        titles.push(title);
    }
    for (name, operation) in document["operations"].as_object().unwrap() {
        assert!(operation["description"].is_string(), "{name} has no description");
    }
}
