//! Request bodies: their type, size and speed limits, and what happens to a body that is not needed.

use crate::client::request;
use crate::gateway_fixture::GatewayFixture;

const LOGIN: &str = r#"{"email":"ann@example.org","password":"x"}"#;

#[test]
fn a_body_needs_a_json_content_type() {
    let gateway = GatewayFixture::open();
    for good in ["Content-Type: application/json", "content-type: Application/JSON; charset=\"UTF-8\""] {
        gateway.request("POST", "/users/login", &[good], LOGIN).assert_sent_on();
    }
    for bad in ["Content-Type: text/plain", "Content-Type:", "Content-Type: application/json; charset=latin1"] {
        gateway.request("POST", "/users/login", &[bad], LOGIN).problem(415, "unsupported_media_type");
    }
    gateway.request("POST", "/users/login", &[], "").problem(415, "unsupported_media_type");
}

#[test]
fn a_body_must_be_json() {
    let gateway = GatewayFixture::open();
    for bad in ["{", "nope", "{}{}", "'x'", "\u{feff}{}", "[1,]"] {
        gateway.request("POST", "/users/login", &[], bad).problem(400, "malformed_json");
    }
    gateway.request("POST", "/users/login", &["Content-Type: application/json"], "").problem(400, "malformed_json");
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 3"], "\"x\"").replace('x', "\u{fe}").as_bytes());
    client.next().problem(400, "malformed_json");
}

#[test]
fn a_body_within_the_limit_is_read_in_any_pieces() {
    let gateway = GatewayFixture::open();
    let padded = |size: usize| format!("{LOGIN}{}", " ".repeat(size - LOGIN.len()));
    gateway.request("POST", "/users/login", &[], &padded(65_536)).assert_sent_on();
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Transfer-Encoding: chunked"], "1\r\n{\r\n").as_bytes());
    client.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", LOGIN.len() - 1, &LOGIN[1..]).as_bytes());
    client.next().assert_sent_on();
    client.request("POST", "/users/login", &[], LOGIN).assert_sent_on();
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_read() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 65537"], " ").as_bytes());
    let response = client.next();
    response.problem(413, "body_too_large");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_body_that_grows_above_the_limit_is_refused() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Transfer-Encoding: chunked"], "1\r\n \r\n").as_bytes());
    client.send(format!("10000\r\n{}\r\n0\r\n\r\n", " ".repeat(65_536)).as_bytes());
    let response = client.next();
    response.problem(413, "body_too_large");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_client_that_keeps_sending_still_gets_the_refusal() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    let megabytes = " ".repeat(8 * 1024 * 1024);
    client.send(request("POST", "/users/login", &[], &megabytes).as_bytes());
    client.next().problem(413, "body_too_large");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_body_that_arrives_too_slowly_is_refused() {
    let gateway = GatewayFixture::with(|settings| settings.body_timeout_ms = 200);
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 42"], "{").as_bytes());
    let response = client.next();
    response.problem(408, "request_timeout");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_body_that_is_cut_short_or_broken_is_refused() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 42"], "{").as_bytes());
    client.end();
    client.next().problem(400, "bad_request");
    let mut client = gateway.connect();
    client.send(request("POST", "/users/login", &["Transfer-Encoding: chunked"], "zz\r\n{}\r\n0\r\n\r\n").as_bytes());
    client.next().problem(400, "bad_request");
}

#[test]
fn a_connection_stays_open_after_an_unneeded_body() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    for (method, path, status, code) in [
        ("POST", "/nothing", 404, "route_not_found"),
        ("POST", "/orders", 401, "missing_token"),
        ("GET", "/orders", 401, "missing_token"),
        ("DELETE", "/orders", 405, "method_not_allowed"),
    ] {
        client.send(request(method, path, &["Content-Length: 60000"], "{").as_bytes());
        client.send(" ".repeat(59_999).as_bytes());
        let response = client.next();
        response.problem(status, code);
        assert_eq!(response.header("connection"), None);
    }
    client.request("POST", "/users/login", &[], LOGIN).assert_sent_on();
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    let gateway = GatewayFixture::open();
    for framing in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
        let mut client = gateway.connect();
        for (path, status, code) in [("/nothing", 404, "route_not_found"), ("/orders", 401, "missing_token")] {
            client.send(request("POST", path, &[framing, "Content-Type: application/json"], "").as_bytes());
            // The body is sent only after the answer has arrived.
            client.next().problem(status, code);
            client.send(if framing.ends_with('3') { b"{ }" } else { b"3\r\n{ }\r\n0\r\n\r\n" });
        }
        client.request("POST", "/users/login", &[], LOGIN).assert_sent_on();
    }
}

#[test]
fn an_endless_unneeded_body_closes_the_connection() {
    let gateway = GatewayFixture::with(|settings| settings.body_timeout_ms = 200);
    let mut client = gateway.connect();
    client.send(request("POST", "/nothing", &["Transfer-Encoding: chunked"], "").as_bytes());
    client.next().problem(404, "route_not_found");
    assert_eq!(client.rest(), "");
    let mut client = gateway.connect();
    client.send(request("POST", "/nothing", &["Transfer-Encoding: chunked"], "").as_bytes());
    client.next().problem(404, "route_not_found");
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    assert!((0..10_000).any(|_| client.try_send(chunk.as_bytes()).is_err()), "the server keeps reading");
}

#[test]
fn an_unneeded_body_that_is_too_long_closes_the_connection() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    client.send(request("POST", "/nothing", &["Content-Length: 99999999"], "{").as_bytes());
    let response = client.next();
    response.problem(404, "route_not_found");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn expect_100_continue_says_whether_to_send_the_body() {
    let gateway = GatewayFixture::open();
    let expecting = |path: &str, length: &str| {
        let mut client = gateway.connect();
        let headers = ["Expect: 100-continue", length, "Content-Type: application/json"];
        client.send(request("POST", path, &headers, "").as_bytes());
        let response = client.next();
        (client, response)
    };
    let length = format!("Content-Length: {}", LOGIN.len());
    let chunks = format!("{:x}\r\n{LOGIN}\r\n0\r\n\r\n", LOGIN.len());
    for (length, body) in [(length.as_str(), LOGIN), ("Transfer-Encoding: chunked", &chunks)] {
        let (mut client, response) = expecting("/users/login", length);
        assert_eq!(response.status, 100);
        client.send(body.as_bytes());
        let response = client.next();
        response.assert_sent_on();
        assert_eq!(response.header("connection"), None);
        client.request("POST", "/users/login", &[], LOGIN).assert_sent_on();
    }
    let (_, response) = expecting("/orders", &length);
    response.problem(401, "missing_token");
    assert_eq!(response.header("connection"), Some("close"));
}
