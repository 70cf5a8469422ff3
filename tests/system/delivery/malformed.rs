//! HTTP messages that are malformed, too large or too slow are refused in the usual format.

use system_tests::problem::problem;
use system_tests::raw::{Raw, exchange};
use system_tests::stack::order;
use system_tests::wait::millis;
use system_tests::{Answer, Stack};

/// The gateway answers in the usual format and closes the connection.
#[track_caller]
fn refused_for_good(connection: &mut Raw, status: u16, code: &str) -> Answer {
    let answer = connection.answer().expect("the gateway closed without an answer");
    problem(&answer, status, code);
    assert_eq!(answer.header("connection").to_lowercase(), "close");
    assert!(connection.is_closed(), "the connection stays open");
    answer
}

/// An order with a token, as text, with this many bytes of blanks before it.
fn padded_order(bytes: usize) -> String {
    let order = order("padded").to_string();
    format!("{}{order}", " ".repeat(bytes - order.len()))
}

#[test]
fn a_malformed_head_is_400() {
    let stack = Stack::start();
    for head in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET /orders\r\n\r\n",
        "GET /orders HTTP/9.9\r\n\r\n",
        "G\0T /orders HTTP/1.1\r\n\r\n",
        "GET /orders HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /orders HTTP/1.1\r\nhost: a\r\nbad name: x\r\n\r\n",
        "POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: many\r\n\r\n",
        "POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", // somebody tries TLS
    ] {
        let mut connection = Raw::connect(stack.port);
        connection.write(head);
        refused_for_good(&mut connection, 400, "bad_request");
    }
    stack.register().place("unharmed");
}

#[test]
fn a_head_that_is_too_large_is_431_and_a_target_that_is_too_long_414() {
    let stack = Stack::start();
    let huge = format!("GET /orders HTTP/1.1\r\nhost: a\r\nx-much: {}\r\n\r\n", "x".repeat(1 << 20));
    refused_for_good(Raw::connect(stack.port).write(huge), 431, "headers_too_large");
    let many = format!("GET /orders HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    refused_for_good(Raw::connect(stack.port).write(many), 431, "headers_too_large");
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(100_000));
    let answer = Raw::connect(stack.port).write(long).answer().expect("an answer");
    problem(&answer, 414, "uri_too_long");
}

#[test]
fn a_head_that_comes_too_slowly_is_408() {
    let stack = Stack::plan().set("GATEWAY_HEADER_TIMEOUT_MS", "300").start();
    let mut connection = Raw::connect(stack.port);
    connection.write("GET /orders HTTP/1.1\r\nhost: a\r\nx-slow: ");
    let answer = refused_for_good(&mut connection, 408, "request_timeout");
    assert!(answer.took >= millis(250) && answer.took < millis(1_500), "{:?}", answer.took);
    // A connection that says nothing at all is closed too; there is nothing to answer.
    let mut silent = Raw::connect(stack.port);
    silent.answer();
    assert!(silent.is_closed());
}

#[test]
fn a_body_that_comes_too_slowly_is_408() {
    let stack = Stack::plan().set("GATEWAY_BODY_TIMEOUT_MS", "300").start();
    let token = stack.register().token;
    let head = |more: &str| {
        format!(
            "POST /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{more}\r\n\r\n"
        )
    };
    for beginning in
        [head("content-length: 100") + "{\"title\":", head("transfer-encoding: chunked") + "5\r\n{\"tit\r\n"]
    {
        let mut connection = Raw::connect(stack.port);
        connection.write(beginning);
        let answer = refused_for_good(&mut connection, 408, "request_timeout");
        assert!(answer.took >= millis(250) && answer.took < millis(1_500), "{:?}", answer.took);
    }
}

#[test]
fn a_body_of_64_kib_is_taken_and_one_byte_more_is_413() {
    const LIMIT: usize = 65_536;
    let stack = Stack::start();
    let person = stack.register();
    person.post("/orders").text(padded_order(LIMIT)).send().expect(201);
    problem(&person.post("/orders").text(padded_order(LIMIT + 1)).send(), 413, "body_too_large");

    // The length is unknown: the body is refused once it is too long.
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        person.token
    );
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let mut connection = Raw::connect(stack.port);
    connection.write(head).write(chunk.repeat(5));
    refused_for_good(&mut connection, 413, "body_too_large");
    // A client that asks first need not send it at all.
    let announced = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 70000\r\nexpect: 100-continue\r\n\r\n",
        person.token
    );
    refused_for_good(Raw::connect(stack.port).write(announced), 413, "body_too_large");
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn a_truncated_body_places_no_order() {
    let stack = Stack::start();
    let person = stack.register();
    let order = order("half").to_string();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        person.token,
        order.len()
    );
    Raw::connect(stack.port).write(&head).write(&order[..20]); // and gone
    let mut broken = Raw::connect(stack.port);
    broken.write(head.replace("content-length: ", "transfer-encoding: chunked\r\nx-was: ")).write("zz\r\n{}");
    refused_for_good(&mut broken, 400, "bad_request");
    person.place("whole");
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn a_transfer_coding_that_nobody_knows_is_501() {
    let stack = Stack::start();
    let mut connection = Raw::connect(stack.port);
    connection.write("POST /orders HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    refused_for_good(&mut connection, 501, "unsupported_transfer_coding");
}

#[test]
fn a_connection_serves_one_request_after_another() {
    let stack = Stack::start();
    let token = stack.register().token;
    let list = format!("GET /orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut connection = Raw::connect(stack.port);
    for _ in 0..3 {
        assert_eq!(connection.write(&list).answer().unwrap().status, 200);
    }
    // Also after a refusal whose body was not read, and when the next request has arrived already.
    let unwanted = "POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
    connection.write(format!("{unwanted}{list}"));
    assert_eq!(connection.answer().unwrap().status, 404);
    assert_eq!(connection.answer().unwrap().status, 200);
    let farewell = list.replace("host: a", "host: a\r\nconnection: close");
    assert_eq!(exchange(stack.port, farewell).header("connection").to_lowercase(), "close");
}
