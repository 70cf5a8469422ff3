//! How connections are kept, bounded and given up.

use std::io::ErrorKind;
use std::sync::{Arc, mpsc};

use gateway::{Answer, Body};
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::Semaphore;

use crate::client::{Client, request};
use crate::house::{House, serve_in_a_thread};

#[test]
fn a_connection_serves_one_request_after_another() {
    let house = House::open();
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
    let house = House::open();
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

impl Answer for Patient {
    async fn answer(&self, _: Request<Incoming>) -> Response<Body> {
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
fn connections_above_the_limit_wait_for_one_to_close() {
    let house = House::with(|settings| settings.connection_limit = 1);
    let mut first = house.connect();
    first.ask("GET", "/", &[], "").problem(404, "route_not_found");
    let mut second = house.connect();
    second.send(request("GET", "/", &["X-Request-Id: second"], "").as_bytes());
    // The first is still served, and whatever the second was to be told cannot have come before this.
    first.ask("GET", "/", &[], "").problem(404, "route_not_found");
    assert!(second.is_silent());
    drop(first);
    assert_eq!(second.next().header("x-request-id"), Some("second"));
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let house = House::with(|settings| settings.body_timeout_ms = 300);
    let mut client = house.connect();
    let many = request("GET", "/", &[], "").repeat(1_000);
    let error = (0..10_000).find_map(|_| client.try_send(many.as_bytes()).err()).expect("somebody reads on for ever");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}
