//! Requests that hyper cannot parse: it would answer them without a body, or not at all.

use crate::client::request;
use crate::gateway_fixture::GatewayFixture;

/// Sends these bytes and checks the problem that is answered before the connection is closed.
#[track_caller]
fn refused(gateway: &GatewayFixture, bytes: &[u8], status: u16, code: &str) {
    let mut client = gateway.connect();
    client.send(bytes);
    let response = client.next();
    let problem = response.problem(status, code);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(problem["instance"], "/");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_malformed_head_is_a_problem() {
    let gateway = GatewayFixture::open();
    for head in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "G\u{0}T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nbad name: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\u{0}b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
    ] {
        refused(&gateway, head.as_bytes(), 400, "bad_request");
    }
}

#[test]
fn an_ambiguous_transfer_encoding_is_refused() {
    let gateway = GatewayFixture::open();
    let post = |fields: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n0\r\n\r\n");
    for unknown in ["gzip, chunked", "identity, chunked", "x\r\nTransfer-Encoding: chunked", "gzip,deflate , chunked"] {
        let bytes = post(&format!("Transfer-Encoding: {unknown}"));
        refused(&gateway, bytes.as_bytes(), 501, "unsupported_transfer_coding");
    }
    for twice in ["Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: CHUNKED"] {
        refused(&gateway, post(twice).as_bytes(), 400, "bad_request");
    }
}

#[test]
fn a_head_that_a_proxy_may_frame_differently_is_refused() {
    let gateway = GatewayFixture::open();
    let long = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\n\n\n\n";
    let chunked = "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n";
    for head in [
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ] {
        refused(&gateway, head.as_bytes(), 400, "bad_request");
        let mut client = gateway.connect();
        client.send(format!("{long}{chunked}{head}").as_bytes());
        client.next().problem(404, "route_not_found");
        client.next().problem(404, "route_not_found");
        client.next().problem(400, "bad_request");
        assert_eq!(client.rest(), "");
    }
}

#[test]
fn a_head_that_is_too_large_is_a_problem() {
    let gateway = GatewayFixture::open();
    refused(
        &gateway,
        request("GET", "/", &[&format!("X: {}", "x".repeat(16_384))], "").as_bytes(),
        431,
        "headers_too_large",
    );
    let many: Vec<String> = (0..101).map(|n| format!("X{n}: y")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    refused(&gateway, request("GET", "/", &many, "").as_bytes(), 431, "headers_too_large");
    refused(&gateway, request("GET", &format!("/{}", "x".repeat(17_000)), &[], "").as_bytes(), 414, "uri_too_long");
    refused(&gateway, format!("GET /{}", "x".repeat(70_000)).as_bytes(), 414, "uri_too_long");
    refused(
        &gateway,
        request("POST", "/orders", &["Content-Length: 18446744073709551615"], "{}").as_bytes(),
        413,
        "body_too_large",
    );
}

#[test]
fn a_head_just_within_its_limit_is_read() {
    let gateway = GatewayFixture::open();
    let length = 16_384 - request("GET", "/", &["X: "], "").len();
    gateway.request("GET", "/", &[&format!("X: {}", "x".repeat(length))], "").problem(404, "route_not_found");
    gateway.request("GET", &format!("/{}", "x".repeat(15_000)), &[], "").problem(404, "route_not_found");
}

#[test]
fn a_head_that_arrives_too_slowly_is_a_problem() {
    let gateway = GatewayFixture::with(|settings| settings.header_timeout_ms = 200);
    refused(&gateway, b"GET /orders HTTP/1.1\r\nHost: x\r\n", 408, "request_timeout");
}

#[test]
fn an_idle_connection_is_closed_without_a_response() {
    let gateway = GatewayFixture::with(|settings| settings.header_timeout_ms = 200);
    assert_eq!(gateway.connect().rest(), "");
    let mut client = gateway.connect();
    client.request("GET", "/", &[], "").problem(404, "route_not_found");
    assert_eq!(client.rest(), "");
    let mut client = gateway.connect();
    client.send(b"\r\n");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_truncated_head_is_a_problem_if_the_client_still_reads() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    client.send(b"GET /orders HTTP/1.1\r\nHo");
    client.end();
    client.next().problem(400, "bad_request");
    let mut client = gateway.connect();
    client.end();
    assert_eq!(client.rest(), "");
}

#[test]
fn good_requests_before_a_malformed_one_are_answered() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    let good = request("GET", "/", &[], "");
    client.send(format!("{good}{good}nonsense\r\n\r\n").as_bytes());
    client.next().problem(404, "route_not_found");
    client.next().problem(404, "route_not_found");
    client.next().problem(400, "bad_request");
    assert_eq!(client.rest(), "");
}

#[test]
fn a_malformed_request_after_a_bodiless_answer_is_answered_too() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    client.send(format!("{}nonsense\r\n\r\n", request("HEAD", "/", &[], "")).as_bytes());
    assert_eq!(client.response("HEAD").status, 404);
    client.next().problem(400, "bad_request");
    let mut client = gateway.connect();
    client.send(format!("{}nonsense\r\n\r\n", request("OPTIONS", "/orders", &[], "")).as_bytes());
    assert_eq!(client.next().status, 204);
    client.next().problem(400, "bad_request");
}
