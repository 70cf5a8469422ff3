//! How connections are kept, bounded and given up.

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
    let house = GatewayFixture::open();
    let mut client = house.connect();
    for _ in 0..3 {
        client.ask("GET", "/", &[], "").problem(404, "route_not_found");
    }
    let response = client.ask("GET", "/", &["Connection: close"], "");
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(client.rest(), "");
}

#[test]
fn requests_sent_at_once_are_answered_in_turn() {
    let house = GatewayFixture::open();
    let mut client = house.connect();
    let all: String = (0..20).map(|n| request("GET", "/", &[&format!("X-Request-Id: {n}")], "")).collect();
    client.send(all.as_bytes());
    for n in 0..20 {
        assert_eq!(client.next().header("x-request-id"), Some(n.to_string().as_str()));
    }
}

/// Answers when it is told to.
struct Patient {
    began: mpsc::Sender<()>,
    go: Semaphore,
}

impl Service for Patient {
    async fn call(&self, _: Request<Incoming>) -> Response<Body> {
        self.began.send(()).unwrap();
        self.go.acquire().await.unwrap().forget();
        Response::new(String::from("done").into())
    }
}

#[test]
fn a_client_that_has_said_everything_still_gets_its_answer() {
    let (began, has_begun) = mpsc::channel();
    let patient = Arc::new(Patient { began, go: Semaphore::new(0) });
    let door = serve_in_a_thread(Arc::clone(&patient));
    let mut client = Client::to(door);
    client.send(request("GET", "/", &[], "").as_bytes());
    has_begun.recv().unwrap();
    client.end();
    // When the next request has begun, the end of the first client's words has been noticed.
    let mut other = Client::to(door);
    other.send(request("GET", "/", &[], "").as_bytes());
    has_begun.recv().unwrap();
    patient.go.add_permits(2);
    assert_eq!((client.next().body, other.next().body), ("done".into(), "done".into()));
    assert_eq!(client.rest(), "");
}

#[test]
fn for_one_connection_too_many_the_longest_idle_is_closed() {
    let house = GatewayFixture::with(|settings| settings.connection_limit = 3);
    let mut clients: Vec<Client> = (0..3).map(|_| house.connect()).collect();
    // The first to come is the last to have asked something.
    for n in [1, 2, 0] {
        clients[n].ask("GET", "/", &[], "").problem(404, "route_not_found");
    }
    house.connect().ask("GET", "/", &[], "").problem(404, "route_not_found");
    assert_eq!(clients[1].rest(), "");
    for n in [2, 0] {
        assert!(clients[n].is_silent());
    }
}

#[test]
fn a_head_that_never_ends_and_a_body_that_never_comes_give_way_too() {
    let house = GatewayFixture::with(|settings| settings.connection_limit = 2);
    let (mut head, mut body) = (house.connect(), house.connect());
    body.send(request("POST", "/users/login", &["Content-Length: 9", "Content-Type: application/json"], "").as_bytes());
    head.send(b"GET / HTTP/1.1\r\nHost:");
    house.connect().ask("GET", "/", &[], "").problem(404, "route_not_found");
    house.connect().ask("GET", "/", &[], "").problem(404, "route_not_found");
    house.connect().ask("GET", "/", &[], "").problem(404, "route_not_found");
    assert_eq!(head.rest(), "");
    drop(body);
}

#[test]
fn who_is_being_served_never_gives_way() {
    let (began, has_begun) = mpsc::channel();
    let patient = Arc::new(Patient { began, go: Semaphore::new(0) });
    let door = serve_in_a_thread(Arc::clone(&patient));
    let mut served: Vec<Client> = (0..8).map(|_| Client::to(door)).collect();
    for client in &mut served {
        client.send(request("GET", "/", &[], "").as_bytes());
        has_begun.recv().unwrap();
    }
    let mut ninth = Client::to(door);
    ninth.send(request("GET", "/", &[], "").as_bytes());
    assert!(ninth.is_silent() && has_begun.try_recv().is_err());
    patient.go.add_permits(8);
    for client in &mut served {
        assert_eq!(client.next().body, "done");
    }
    // Now there are idle ones.
    has_begun.recv().unwrap();
    patient.go.add_permits(1);
    assert_eq!(ninth.next().body, "done");
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let house = GatewayFixture::with(|settings| settings.body_timeout_ms = 300);
    let mut client = house.connect();
    let many = request("GET", "/", &[], "").repeat(1_000);
    let error = (0..10_000).find_map(|_| client.try_send(many.as_bytes()).err()).expect("somebody reads on for ever");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}
