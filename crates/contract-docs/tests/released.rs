//! A change that breaks users of the released contract fails here until the message's version is raised.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use contract_docs::{asyncapi, broken_messages, broken_routes, openapi};
use serde_json::{Value, json};

fn released(name: &str) -> Value {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/released")).join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Corrections of the released documents: they were wrong, or written so that generators and validators fail. The system
/// accepts and sends the same as before. A release empties this list.
const CORRECTIONS: [&str; 7] = [
    // 0.07 is not a multiple of 0.01 to a validator that divides floats; `double` states the required precision.
    ".price: its multipleOf has changed",
    ".price: its format has changed",
    ".totalSpent: its multipleOf has changed",
    ".totalSpent: its format has changed",
    // In a URL everything is text, and the id of every account is a UUID. Whole numbers are accepted as before.
    "users.profile (request).data.id: its ",
    "GET /users/profile \"id\": its ",
    "GET /users/{id} \"id\": its ",
];

#[test]
fn nothing_breaks_users_of_the_released_contract() {
    let mut broken = broken_messages(&released("asyncapi.json"), &asyncapi());
    broken.extend(broken_routes(&released("openapi.json"), &openapi()));
    let mut unused = CORRECTIONS.to_vec();
    broken.retain(|finding| {
        let corrects = |correction: &&str| finding.contains(correction);
        unused.retain(|correction| !corrects(correction));
        !CORRECTIONS.iter().any(corrects)
    });
    assert!(unused.is_empty(), "the released contract has these corrections: remove them from the list: {unused:?}");
    assert!(
        broken.is_empty(),
        "this breaks users of the released contract:\n  {}\nRaise VERSION of the message (and serve the old one as long as \
         it is used), or revert the change. A removal, or a change of something without a version, needs a release: \
         `scripts/api release` makes the current contract the released one.",
        broken.join("\n  ")
    );
}

/// Changes the AsyncAPI document; returns the findings.
fn findings(pointer: &str, change: impl FnOnce(&mut Value)) -> String {
    let old = asyncapi();
    let mut new = old.clone();
    change(new.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")));
    broken_messages(&old, &new).join("; ")
}

fn remove(key: &'static str) -> impl FnOnce(&mut Value) {
    move |value| drop(value.as_object_mut().unwrap().remove(key))
}

fn set(key: &'static str, to: Value) -> impl FnOnce(&mut Value) {
    move |value| value[key] = to
}

const CREATE: &str = "/components/schemas/CreateOrder";
const ORDER: &str = "/components/schemas/Order";
const MESSAGES: &str = "/components/messages";

#[test]
fn input_must_not_become_narrower() {
    let field = |name: &str| format!("{CREATE}/properties/{name}");
    assert_eq!(findings(MESSAGES, remove("orders.get.request")), "orders.get: it is gone");
    let gone = findings(&format!("{CREATE}/properties"), remove("orderReference"));
    assert_eq!(gone, "orders.create (request).data.orderReference: the field is gone");
    let required = findings(CREATE, set("required", json!(["title", "description", "price", "orderReference"])));
    assert_eq!(required, "orders.create (request).data.orderReference: the field is required now");
    for (name, key, to) in [
        ("title", "maxLength", json!(99)),
        ("title", "minLength", json!(2)),
        ("title", "pattern", json!("^[a-z]*$")),
        ("title", "format", json!("email")),
        ("title", "enum", json!(["a"])),
        ("title", "type", json!("integer")),
        ("orderReference", "type", json!("string")),
        ("price", "minimum", json!(1)),
        ("price", "maximum", json!(999)),
        ("price", "multipleOf", json!(0.05)),
    ] {
        let broken = findings(&field(name), set(key, to));
        assert!(broken.starts_with(&format!("orders.create (request).data.{name}: ")), "{name} {key}: {broken:?}");
    }
}

#[test]
fn output_must_not_lose_or_change_fields() {
    let gone = findings(&format!("{ORDER}/properties"), remove("title"));
    assert!(gone.contains("orders.create (response).response.title: the field is gone"), "{gone}");
    assert!(gone.contains("orders.list (response).response.items[].title: the field is gone"), "{gone}");
    let absent = findings(ORDER, set("required", json!(["id"])));
    assert!(absent.contains("response.title: the field may be absent now"), "{absent}");
    let nullable = findings(&format!("{ORDER}/properties/title"), set("type", json!(["string", "null"])));
    assert!(nullable.contains("response.title: its type was"), "{nullable}");
    let code = findings("/components/schemas/Code/enum", |codes| drop(codes.as_array_mut().unwrap().remove(0)));
    assert!(code.contains("err.code: the value \"bad_request\" is gone"), "{code}");
}

#[test]
fn additions_break_nobody() {
    let more = json!({ "type": "string" });
    for (pointer, key, to) in [
        (format!("{CREATE}/properties"), "note", more.clone()),
        (format!("{ORDER}/properties"), "note", more),
        (format!("{CREATE}/properties/title"), "maxLength", json!(200)),
        (format!("{CREATE}/properties/title"), "minLength", json!(0)),
        (format!("{CREATE}/properties/price"), "type", json!(["number", "null"])),
        (CREATE.to_owned(), "required", json!(["title"])),
        (MESSAGES.to_owned(), "orders.cancel.request", json!({})),
    ] {
        assert_eq!(findings(&pointer, set(key, to)), "", "{pointer} {key}");
    }
}

#[test]
fn a_raised_version_may_break() {
    let old = asyncapi();
    let mut new = old.clone();
    new.pointer_mut(&format!("{CREATE}/properties")).unwrap().as_object_mut().unwrap().remove("title");
    assert_ne!(broken_messages(&old, &new), Vec::<String>::new());
    new["components"]["messages"]["orders.create.request"]["x-version"] = json!(2);
    assert_eq!(broken_messages(&old, &new), Vec::<String>::new());
}

#[test]
fn a_route_must_not_disappear_or_require_more() {
    let old = openapi();
    let findings = |change: fn(&mut Value)| {
        let mut new = old.clone();
        change(&mut new["paths"]);
        broken_routes(&old, &new).join("; ")
    };
    assert_eq!(findings(|paths| drop(paths.as_object_mut().unwrap().remove("/system"))), "GET /system: it is gone");
    let guarded = findings(|paths| paths["/users/login"]["post"]["security"] = json!([{ "bearer": [] }]));
    assert_eq!(guarded, "POST /users/login: it needs a token now");
    let gone = findings(|paths| drop(paths["/orders"]["get"]["parameters"].as_array_mut().unwrap().remove(0)));
    assert_eq!(gone, "GET /orders: the parameter \"limit\" is gone");
    let required = findings(|paths| paths["/orders"]["get"]["parameters"][0]["required"] = json!(true));
    assert_eq!(required, "GET /orders: the parameter \"limit\" is required now");
    let status = findings(|paths| drop(paths["/orders"]["post"]["responses"].as_object_mut().unwrap().remove("201")));
    assert_eq!(status, "POST /orders: it does not answer 201 application/json any more");
}
