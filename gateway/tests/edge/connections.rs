//! How connections are kept open, limited and closed.

use std::io::ErrorKind;
use std::sync::{Arc, mpsc};

use gateway::{Body, Service};
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::Semaphore;

use crate::client::{Client, request};
use crate::gateway_fixture::{GatewayFixture, serve_in_a_thread};

#[test]
fn a_connection_serves_one_request_after_another() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    for _ in 0..3 {
        client.request("GET", "/", &[], "").problem(404, "route_not_found");
    }
    let response = client.request("GET", "/", &["Connection: close"], "");
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.rest(), "");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = GatewayFixture::open();
    let mut client = gateway.connect();
    let all: String = (0..20).map(|n| request("GET", "/", &[&format!("X-Request-Id: {n}")], "")).collect();
    client.send(all.as_bytes());
    for n in 0..20 {
        assert_eq!(client.next().header("x-request-id"), Some(n.to_string().as_str()));
    }
}

/// Holds each answer until the test permits it.
struct Held {
    began: mpsc::Sender<()>,
    go: Semaphore,
}

impl Service for Held {
    async fn call(&self, _: Request<Incoming>) -> Response<Body> {
        self.began.send(()).unwrap();
        self.go.acquire().await.unwrap().forget();
        Response::new(String::from("done").into())
    }
}

#[test]
fn a_client_that_closed_its_sending_side_still_gets_its_answer() {
    let (began, has_begun) = mpsc::channel();
    let held = Arc::new(Held { began, go: Semaphore::new(0) });
    let address = serve_in_a_thread(Arc::clone(&held));
    let mut client = Client::to(address);
    client.send(request("GET", "/", &[], "").as_bytes());
    has_begun.recv().unwrap();
    client.end();
    // When the next request has begun, the gateway has noticed that the first client closed its sending side.
    let mut other = Client::to(address);
    other.send(request("GET", "/", &[], "").as_bytes());
    has_begun.recv().unwrap();
    held.go.add_permits(2);
    assert_eq!((client.next().body, other.next().body), ("done".into(), "done".into()));
    assert_eq!(client.rest(), "");
}

#[test]
fn at_the_connection_limit_the_longest_idle_is_closed() {
    let gateway = GatewayFixture::with(|settings| settings.connection_limit = 3);
    let mut clients: Vec<Client> = (0..3).map(|_| gateway.connect()).collect();
    // The first to connect is the last to have sent a request.
    for n in [1, 2, 0] {
        clients[n].request("GET", "/", &[], "").problem(404, "route_not_found");
    }
    gateway.connect().request("GET", "/", &[], "").problem(404, "route_not_found");
    assert_eq!(clients[1].rest(), "");
    for n in [2, 0] {
        assert!(clients[n].is_silent());
    }
}

#[test]
fn connections_with_an_unfinished_head_or_body_are_closed_too() {
    let gateway = GatewayFixture::with(|settings| settings.connection_limit = 2);
    let (mut head, mut body) = (gateway.connect(), gateway.connect());
    body.send(request("POST", "/users/login", &["Content-Length: 9", "Content-Type: application/json"], "").as_bytes());
    head.send(b"GET / HTTP/1.1\r\nHost:");
    gateway.connect().request("GET", "/", &[], "").problem(404, "route_not_found");
    gateway.connect().request("GET", "/", &[], "").problem(404, "route_not_found");
    gateway.connect().request("GET", "/", &[], "").problem(404, "route_not_found");
    assert_eq!(head.rest(), "");
    drop(body);
}

#[test]
fn a_connection_with_a_request_in_progress_is_never_closed() {
    let (began, has_begun) = mpsc::channel();
    let held = Arc::new(Held { began, go: Semaphore::new(0) });
    let address = serve_in_a_thread(Arc::clone(&held));
    let mut served: Vec<Client> = (0..8).map(|_| Client::to(address)).collect();
    for client in &mut served {
        client.send(request("GET", "/", &[], "").as_bytes());
        has_begun.recv().unwrap();
    }
    let mut ninth = Client::to(address);
    ninth.send(request("GET", "/", &[], "").as_bytes());
    assert!(ninth.is_silent() && has_begun.try_recv().is_err());
    held.go.add_permits(8);
    for client in &mut served {
        assert_eq!(client.next().body, "done");
    }
    // Now there are idle connections.
    has_begun.recv().unwrap();
    held.go.add_permits(1);
    assert_eq!(ninth.next().body, "done");
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let gateway = GatewayFixture::with(|settings| settings.body_timeout_ms = 300);
    let mut client = gateway.connect();
    let many = request("GET", "/", &[], "").repeat(1_000);
    let error = (0..10_000).find_map(|_| client.try_send(many.as_bytes()).err()).expect("the server keeps reading");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}
