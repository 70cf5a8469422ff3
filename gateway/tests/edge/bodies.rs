//! Bodies: what they must be, how large and how slow they may be, and what becomes of those that nobody reads.

use crate::client::request;
use crate::gateway_fixture::GatewayFixture;

const LOGIN: &str = r#"{"email":"ann@example.org","password":"x"}"#;

#[test]
fn a_body_must_say_that_it_is_json() {
    let house = GatewayFixture::open();
    for good in ["Content-Type: application/json", "content-type: Application/JSON; charset=\"UTF-8\""] {
        house.ask("POST", "/users/login", &[good], LOGIN).all_was_well();
    }
    for bad in ["Content-Type: text/plain", "Content-Type:", "Content-Type: application/json; charset=latin1"] {
        house.ask("POST", "/users/login", &[bad], LOGIN).problem(415, "unsupported_media_type");
    }
    house.ask("POST", "/users/login", &[], "").problem(415, "unsupported_media_type");
}

#[test]
fn a_body_must_be_json() {
    let house = GatewayFixture::open();
    for bad in ["{", "nope", "{}{}", "'x'", "\u{feff}{}", "[1,]"] {
        house.ask("POST", "/users/login", &[], bad).problem(400, "malformed_json");
    }
    house.ask("POST", "/users/login", &["Content-Type: application/json"], "").problem(400, "malformed_json");
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 3"], "\"x\"").replace('x', "\u{fe}").as_bytes());
    client.next().problem(400, "malformed_json");
}

#[test]
fn a_body_within_the_limit_is_read_in_any_pieces() {
    let house = GatewayFixture::open();
    let padded = |size: usize| format!("{LOGIN}{}", " ".repeat(size - LOGIN.len()));
    house.ask("POST", "/users/login", &[], &padded(65_536)).all_was_well();
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Transfer-Encoding: chunked"], "1\r\n{\r\n").as_bytes());
    client.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", LOGIN.len() - 1, &LOGIN[1..]).as_bytes());
    client.next().all_was_well();
    client.ask("POST", "/users/login", &[], LOGIN).all_was_well();
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_read() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 65537"], " ").as_bytes());
    let response = client.next();
    response.problem(413, "body_too_large");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_body_that_grows_above_the_limit_is_refused() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Transfer-Encoding: chunked"], "1\r\n \r\n").as_bytes());
    client.send(format!("10000\r\n{}\r\n0\r\n\r\n", " ".repeat(65_536)).as_bytes());
    let response = client.next();
    response.problem(413, "body_too_large");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_client_that_sends_on_regardless_still_hears_the_refusal() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    let megabytes = " ".repeat(8 * 1024 * 1024);
    client.send(request("POST", "/users/login", &[], &megabytes).as_bytes());
    client.next().problem(413, "body_too_large");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_body_that_arrives_too_slowly_is_refused() {
    let house = GatewayFixture::with(|settings| settings.body_timeout_ms = 200);
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 42"], "{").as_bytes());
    let response = client.next();
    response.problem(408, "request_timeout");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_body_that_is_cut_short_or_broken_is_refused() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Content-Length: 42"], "{").as_bytes());
    client.end();
    client.next().problem(400, "bad_request");
    let mut client = house.connect();
    client.send(request("POST", "/users/login", &["Transfer-Encoding: chunked"], "zz\r\n{}\r\n0\r\n\r\n").as_bytes());
    client.next().problem(400, "bad_request");
}

#[test]
fn a_connection_outlives_a_body_that_nobody_wanted() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
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
    client.ask("POST", "/users/login", &[], LOGIN).all_was_well();
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    let house = GatewayFixture::open();
    for framing in ["Content-Length: 3", "Transfer-Encoding: chunked"] {
        let mut client = house.connect();
        for (path, status, code) in [("/nothing", 404, "route_not_found"), ("/orders", 401, "missing_token")] {
            client.send(request("POST", path, &[framing, "Content-Type: application/json"], "").as_bytes());
            // Only when the answer is here does the body leave.
            client.next().problem(status, code);
            client.send(if framing.ends_with('3') { b"{ }" } else { b"3\r\n{ }\r\n0\r\n\r\n" });
        }
        client.ask("POST", "/users/login", &[], LOGIN).all_was_well();
    }
}

#[test]
fn a_connection_ends_with_a_body_that_nobody_wanted_and_has_no_end() {
    let house = GatewayFixture::with(|settings| settings.body_timeout_ms = 200);
    let mut client = house.connect();
    client.send(request("POST", "/nothing", &["Transfer-Encoding: chunked"], "").as_bytes());
    client.next().problem(404, "route_not_found");
    assert_eq!(client.rest(), "");
    let mut client = house.connect();
    client.send(request("POST", "/nothing", &["Transfer-Encoding: chunked"], "").as_bytes());
    client.next().problem(404, "route_not_found");
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    assert!((0..10_000).any(|_| client.try_send(chunk.as_bytes()).is_err()), "somebody reads on for ever");
}

#[test]
fn a_connection_does_not_outlive_a_body_that_would_take_too_long() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    client.send(request("POST", "/nothing", &["Content-Length: 99999999"], "{").as_bytes());
    let response = client.next();
    response.problem(404, "route_not_found");
    assert_eq!(response.header("connection"), Some("close"));
}

#[test]
fn a_client_that_asks_first_is_told_whether_to_send_its_body() {
    let house = GatewayFixture::open();
    let expecting = |path: &str, length: &str| {
        let mut client = house.connect();
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
        response.all_was_well();
        assert_eq!(response.header("connection"), None);
        client.ask("POST", "/users/login", &[], LOGIN).all_was_well();
    }
    let (_, response) = expecting("/orders", &length);
    response.problem(401, "missing_token");
    assert_eq!(response.header("connection"), Some("close"));
}
