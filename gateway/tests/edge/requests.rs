//! Requests that hyper can read and the gateway refuses, or would ask.

use crate::gateway_fixture::{GatewayFixture, authorization};

const REGISTRATION: &str =
    r#"{"email":"ann@example.org","password":"correct horse","firstName":"Ann","lastName":"Lee"}"#;
const ORDER: &str = r#"{"title":"Tea","description":"Green","price":19.99}"#;

#[test]
fn every_route_asks_when_its_request_is_good() {
    let house = GatewayFixture::open();
    let token = authorization();
    house.ask("POST", "/users/register", &[], REGISTRATION).all_was_well();
    house.ask("POST", "/users/login", &[], r#"{"email":"ann@example.org","password":"x"}"#).all_was_well();
    house.ask("GET", "/users/profile", &[&token], "").all_was_well();
    house.ask("POST", "/orders", &[&token], ORDER).all_was_well();
    house.ask("POST", "/orders", &[&token, "Idempotency-Key: \"k-1\""], ORDER).all_was_well();
    house.ask("GET", "/orders?limit=10", &[&token], "").all_was_well();
    house.ask("GET", "/orders/0199f0a0-7c3e-7000-8000-000000000001", &[&token], "").all_was_well();
}

#[test]
fn what_is_not_in_the_table_is_refused() {
    let house = GatewayFixture::open();
    for (method, path) in [("GET", "/"), ("POST", "/orders/"), ("GET", "/users"), ("PUT", "/nothing/here")] {
        let problem = house.ask(method, path, &[], "").problem(404, "route_not_found");
        assert_eq!(problem["instance"], path);
    }
    house.ask("CONNECT", "test:443", &[], "").problem(404, "route_not_found");
    house.ask("OPTIONS", "*", &[], "").problem(404, "route_not_found");
    for (method, path, allow) in [
        ("DELETE", "/orders", "POST, GET, HEAD, OPTIONS"),
        ("GET", "/users/login", "POST, OPTIONS"),
        ("MADEUP", "/orders/7", "GET, HEAD, OPTIONS"),
    ] {
        let response = house.ask(method, path, &[], "");
        response.problem(405, "method_not_allowed");
        assert_eq!(response.header("allow"), Some(allow));
    }
}

#[test]
fn a_head_request_is_answered_like_a_get_without_the_body() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    let head = client.ask("HEAD", "/orders", &[&authorization()], "");
    assert_eq!((head.status, head.header("content-type")), (503, Some("application/problem+json")));
    client.ask("GET", "/orders", &[&authorization()], "").all_was_well();
    assert_eq!(client.ask("HEAD", "/users/login", &[], "").status, 405);
}

#[test]
fn a_guarded_route_wants_a_token_before_anything_else() {
    let house = GatewayFixture::open();
    for (method, path) in [("GET", "/users/profile"), ("POST", "/orders"), ("GET", "/orders"), ("GET", "/orders/7")] {
        house.ask(method, path, &[], "").problem(401, "missing_token");
        house.ask(method, path, &["Authorization: Bearer x"], "").problem(401, "invalid_token");
        let twice = authorization();
        house.ask(method, path, &[&twice, &twice], "").problem(401, "invalid_token");
    }
}

#[test]
fn an_instance_does_not_repeat_the_query() {
    let problem = GatewayFixture::open().ask("GET", "/orders?token=secret", &[], "").problem(401, "missing_token");
    assert_eq!(problem["instance"], "/orders");
}

#[test]
fn input_that_breaks_a_rule_is_refused_field_by_field() {
    let house = GatewayFixture::open();
    let token = authorization();
    let refused = |method: &str, path: &str, headers: &[&str], body: &str| {
        let headers = [&[token.as_str()], headers].concat();
        let problem = house.ask(method, path, &headers, body).problem(422, "invalid_input");
        problem["errors"].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let order = |body: &str| refused("POST", "/orders", &[], body);
    let price = |price: &str| order(&ORDER.replace("19.99", price));
    for bad in ["1e400", "-0.001", "\"5\"", "19.999", "0", "null", "true"] {
        assert_eq!(price(bad), "price", "{bad}");
    }
    assert_eq!(order("{}"), "description price title");
    assert_eq!(order("[]"), "body");
    assert_eq!(order(&ORDER.replace("Tea", "T\\u0000")), "title");
    assert_eq!(order(&ORDER.replace("Tea", "\\ud800")), "title");
    assert_eq!(order(&ORDER.replace('{', "{\"extra\":1,")), "extra");
    assert_eq!(order(&ORDER.replace('{', "{\"title\":\"x\",")), "title");
    assert_eq!(order(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))), "body");
    assert_eq!(order(&ORDER.replace("\"Tea\"", &format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)))), "title");
    assert_eq!(refused("POST", "/orders", &["Idempotency-Key: \"a b\""], ORDER), "Idempotency-Key");
    assert_eq!(refused("GET", "/orders/7", &[], ""), "id");
    assert_eq!(refused("GET", "/orders/%ff", &[], ""), "id");
    assert_eq!(refused("GET", "/orders?limit=0&cursor=x&page=2", &[], ""), "cursor limit page");
    assert_eq!(refused("GET", "/orders?limit=1&limit=1", &[], ""), "limit");
    assert_eq!(refused("GET", "/users/profile?name=1", &[], ""), "name");
}

#[test]
fn an_idempotency_key_is_ignored_where_it_means_nothing() {
    let login = r#"{"email":"ann@example.org","password":"x"}"#;
    GatewayFixture::open().ask("POST", "/users/login", &["Idempotency-Key: a b"], login).all_was_well();
}

#[test]
fn every_answer_carries_the_name_of_its_request() {
    let house = GatewayFixture::open();
    let name = |headers: &[&str]| house.ask("GET", "/", headers, "").header("x-request-id").unwrap().to_owned();
    assert_eq!(name(&["X-Request-Id: abc-1.2:3_4"]), "abc-1.2:3_4");
    for bad in ["X-Request-Id: a b", "X-Request-Id: <x>", "X-Request-Id: é", "X-Request-Id: a\r\nX-Request-Id: b"] {
        assert_eq!(name(&[bad]).len(), 36, "{bad}");
    }
    assert_ne!(name(&[]), name(&[]));
}

#[test]
fn more_in_flight_than_there_is_room_for_is_refused_at_once() {
    let house = GatewayFixture::with(|settings| settings.in_flight_per_pattern = 0);
    house.ask("POST", "/users/register", &[], REGISTRATION).problem(503, "overloaded");
}

#[test]
fn a_request_has_exactly_one_host() {
    let house = GatewayFixture::open();
    let without = |head: &str| {
        let mut client = house.connect();
        client.send(head.as_bytes());
        client.next()
    };
    without("GET /orders HTTP/1.1\r\n\r\n").problem(400, "bad_request");
    without("GET /orders HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").problem(400, "bad_request");
    without("GET /orders HTTP/1.0\r\n\r\n").problem(401, "missing_token");
    without("GET http://test/orders HTTP/1.1\r\nHost: test\r\n\r\n").problem(401, "missing_token");
}
