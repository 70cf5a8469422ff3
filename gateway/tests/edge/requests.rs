//! Requests that hyper can parse and the gateway refuses or sends on.

use crate::gateway_fixture::{GatewayFixture, authorization};

const REGISTRATION: &str =
    r#"{"email":"ann@example.org","password":"correct horse","firstName":"Ann","lastName":"Lee"}"#;
const ORDER: &str = r#"{"title":"Tea","description":"Green","price":19.99}"#;

#[test]
fn every_route_sends_a_valid_request_on() {
    let gateway = GatewayFixture::open();
    let token = authorization();
    gateway.request("POST", "/users/register", &[], REGISTRATION).assert_sent_on();
    gateway.request("POST", "/users/login", &[], r#"{"email":"ann@example.org","password":"x"}"#).assert_sent_on();
    gateway.request("GET", "/users/profile", &[&token], "").assert_sent_on();
    gateway.request("POST", "/orders", &[&token], ORDER).assert_sent_on();
    gateway.request("POST", "/orders", &[&token, "Idempotency-Key: \"k-1\""], ORDER).assert_sent_on();
    gateway.request("GET", "/orders?limit=10", &[&token], "").assert_sent_on();
    gateway.request("GET", "/orders/0199f0a0-7c3e-7000-8000-000000000001", &[&token], "").assert_sent_on();
}

#[test]
fn a_path_or_method_without_a_route_is_refused() {
    let gateway = GatewayFixture::open();
    for (method, path) in [("GET", "/"), ("POST", "/orders/"), ("GET", "/users"), ("PUT", "/nothing/here")] {
        let problem = gateway.request(method, path, &[], "").problem(404, "route_not_found");
        assert_eq!(problem["instance"], path);
    }
    gateway.request("CONNECT", "test:443", &[], "").problem(404, "route_not_found");
    gateway.request("OPTIONS", "*", &[], "").problem(404, "route_not_found");
    for (method, path, allow) in [
        ("DELETE", "/orders", "POST, GET, HEAD, OPTIONS"),
        ("GET", "/users/login", "POST, OPTIONS"),
        ("MADEUP", "/orders/7", "GET, HEAD, OPTIONS"),
    ] {
        let response = gateway.request(method, path, &[], "");
        response.problem(405, "method_not_allowed");
        assert_eq!(response.header("allow"), Some(allow));
    }
}

#[test]
fn a_head_request_is_answered_like_a_get_without_the_body() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    let head = client.request("HEAD", "/orders", &[&authorization()], "");
    assert_eq!((head.status, head.header("content-type")), (503, Some("application/problem+json")));
    client.request("GET", "/orders", &[&authorization()], "").assert_sent_on();
    assert_eq!(client.request("HEAD", "/users/login", &[], "").status, 405);
}

#[test]
fn a_protected_route_checks_the_token_first() {
    let gateway = GatewayFixture::open();
    for (method, path) in [("GET", "/users/profile"), ("POST", "/orders"), ("GET", "/orders"), ("GET", "/orders/7")] {
        gateway.request(method, path, &[], "").problem(401, "missing_token");
        gateway.request(method, path, &["Authorization: Bearer x"], "").problem(401, "invalid_token");
        let twice = authorization();
        gateway.request(method, path, &[&twice, &twice], "").problem(401, "invalid_token");
    }
}

#[test]
fn an_instance_does_not_repeat_the_query() {
    let problem = GatewayFixture::open().request("GET", "/orders?token=secret", &[], "").problem(401, "missing_token");
    assert_eq!(problem["instance"], "/orders");
}

#[test]
fn input_that_breaks_a_rule_is_refused_field_by_field() {
    let gateway = GatewayFixture::open();
    let token = authorization();
    let refused = |method: &str, path: &str, headers: &[&str], body: &str| {
        let headers = [&[token.as_str()], headers].concat();
        let problem = gateway.request(method, path, &headers, body).problem(422, "invalid_input");
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
fn an_idempotency_key_is_ignored_where_it_has_no_meaning() {
    let login = r#"{"email":"ann@example.org","password":"x"}"#;
    GatewayFixture::open().request("POST", "/users/login", &["Idempotency-Key: a b"], login).assert_sent_on();
}

#[test]
fn every_answer_carries_its_request_id() {
    let gateway = GatewayFixture::open();
    let name = |headers: &[&str]| gateway.request("GET", "/", headers, "").header("x-request-id").unwrap().to_owned();
    assert_eq!(name(&["X-Request-Id: abc-1.2:3_4"]), "abc-1.2:3_4");
    for bad in ["X-Request-Id: a b", "X-Request-Id: <x>", "X-Request-Id: é", "X-Request-Id: a\r\nX-Request-Id: b"] {
        assert_eq!(name(&[bad]).len(), 36, "{bad}");
    }
    assert_ne!(name(&[]), name(&[]));
}

#[test]
fn a_request_above_the_in_flight_limit_is_refused_at_once() {
    let gateway = GatewayFixture::with(|settings| settings.in_flight_per_pattern = 0);
    gateway.request("POST", "/users/register", &[], REGISTRATION).problem(503, "overloaded");
}

#[test]
fn a_request_has_exactly_one_host() {
    let gateway = GatewayFixture::open();
    let without = |head: &str| {
        let mut client = gateway.connect();
        client.send(head.as_bytes());
        client.next()
    };
    without("GET /orders HTTP/1.1\r\n\r\n").problem(400, "bad_request");
    without("GET /orders HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").problem(400, "bad_request");
    without("GET /orders HTTP/1.0\r\n\r\n").problem(401, "missing_token");
    without("GET http://test/orders HTTP/1.1\r\nHost: test\r\n\r\n").problem(401, "missing_token");
}
