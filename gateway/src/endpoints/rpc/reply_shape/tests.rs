//! Valid replies pass; an error names the place of the problem.

use serde_json::{Value, json};

use super::*;
use crate::endpoints::rpc::reply_shape::shape::Kinds;
use crate::routing::table::TABLE;

const ORDER: &str = r#"{"id":"0199f0a0-7c3e-7000-8000-000000000001","title":"t","description":"d","price":1.5,"userId":"u",
    "orderReference":null,"createdAt":"2026-01-31T12:00:00.000Z","updatedAt":"2026-01-31T12:00:00.000Z"}"#;

fn check(pattern: &str, reply: &str) -> Result<(), String> {
    ReplyShapes::published().unwrap().check(pattern, serde_json::from_str(reply).unwrap())
}

fn with(reply: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut reply = serde_json::from_str(reply).unwrap();
    change(&mut reply);
    reply.to_string()
}

#[test]
fn every_pattern_of_the_table_has_a_shape() {
    let shapes = ReplyShapes::published().unwrap();
    for pattern in TABLE.iter().filter_map(crate::routing::route::Route::pattern) {
        let shape = shapes.0.get(pattern).unwrap_or_else(|| panic!("{pattern}"));
        assert!(shape.kinds == Kinds::OBJECT || shape.kinds == Kinds::ARRAY, "{pattern}");
        assert!(shape.fields.len() < 64, "{pattern}: there are too few bits for its fields");
    }
}

#[test]
fn replies_with_all_required_fields_pass_and_may_have_more() {
    for order in [
        ORDER.to_owned(),
        with(ORDER, |order| order["price"] = json!(2)),
        with(ORDER, |order| order["orderReference"] = json!("A-7")),
        with(ORDER, |order| order["addedLater"] = json!({ "deep": [[[1]]] })),
        with(ORDER, |order| order["customer"] = json!({ "email": "a@b.co", "firstName": "A", "lastName": "B" })),
        with(ORDER, |order| order["customer"] = Value::Null),
    ] {
        assert_eq!(check("orders.get", &order), Ok(()), "{order}");
    }
    assert_eq!(check("orders.list", &format!(r#"{{"next":null,"items":[{ORDER},{ORDER}]}}"#)), Ok(()));
    assert_eq!(check("orders.list", r#"{"items":[],"next":"c","total":{"count":1,"relation":"eq"}}"#), Ok(()));
    assert_eq!(check("users.sessions", "[]"), Ok(()));
    assert_eq!(check("users.end_sessions", r#"{"ended":1}"#), Ok(()));
    assert_eq!(check("users.end_sessions", r#"{"ended":1.0}"#), Ok(()));
    assert_eq!(check("nobody.knows", "7"), Ok(()));
}

#[test]
fn replies_of_another_shape_are_rejected() {
    let wrong = |pattern: &str, reply: &str| check(pattern, reply).unwrap_err();
    for reply in ["null", "\"hello\"", "7", "-7", "1.5", "1e3", "true", "[]", "[1]"] {
        assert_eq!(wrong("orders.get", reply), "the reply is of another type than the contract says", "{reply}");
    }
    assert_eq!(wrong("orders.get", r#"{"id":"x"}"#), "the reply.title is missing");
    assert_eq!(wrong("orders.get", "{}"), "the reply.id is missing");
    for (field, value) in
        [("price", json!("1.5")), ("id", json!(7)), ("orderReference", json!([])), ("title", json!(null))]
    {
        let reply = with(ORDER, |order| order[field] = value);
        assert_eq!(wrong("orders.get", &reply), format!("the reply.{field} is of another type than the contract says"));
    }
    let customer = with(ORDER, |order| order["customer"] = json!({ "email": "a@b.co" }));
    assert_eq!(wrong("orders.get", &customer), "the reply.customer.firstName is missing");
    let second = with(ORDER, |order| drop(order.as_object_mut().unwrap().remove("userId")));
    let page = format!(r#"{{"items":[{ORDER},{second}],"next":null}}"#);
    assert_eq!(wrong("orders.list", &page), "the reply.items[1].userId is missing");
    assert_eq!(wrong("orders.list", "[]"), "the reply is of another type than the contract says");
    assert_eq!(wrong("orders.list", r#"{"items":[{}]}"#), "the reply.items[0].id is missing");
    assert_eq!(wrong("users.sessions", r#"{"items":[]}"#), "the reply is of another type than the contract says");
    assert_eq!(wrong("users.sessions", "[7]"), "the reply[0] is of another type than the contract says");
    let tokens = r#"{"tokens":{"access_token":"a"},"user":{}}"#;
    assert_eq!(wrong("users.login", tokens), "the reply.tokens.refresh_token is missing");
    assert_eq!(wrong("users.end_sessions", "null"), "the reply is of another type than the contract says");
    assert_eq!(
        wrong("users.end_sessions", r#"{"ended":1.5}"#),
        "the reply.ended is of another type than the contract says"
    );
}

#[test]
fn deep_and_large_replies_are_checked() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(check("orders.get", &format!(r#"{{"id":{deep}}}"#)).is_err());
    let unknown = ORDER.replacen('{', &format!(r#"{{"unknown":{deep},"#), 1);
    assert_eq!(check("orders.get", &unknown), Ok(()));
    assert_eq!(check("orders.get", &ORDER.replacen("1.5", "1e999", 1)).unwrap_err(), "the reply.price cannot be read");
}
