//! A pattern whose workers do not keep up: the gateway lowers what it sends, and stops when nobody replies any more.

use std::time::Instant;

use system_tests::http::{Answer, Pending};
use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Person, Signal, Stack, wait_until};

/// The value of a pattern's gauge.
fn gauge(stack: &Stack<'_>, name: &str, pattern: &str) -> i64 {
    let series = format!("{name}{{pattern=\"{pattern}\"}} ");
    let metrics = stack.metrics();
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.unwrap_or_else(|| panic!("no {series} in {metrics}")).parse().unwrap()
}

fn is_open(stack: &Stack<'_>, pattern: &str) -> bool {
    let open = gauge(stack, "gateway_circuit_breaker_open", pattern) == 1;
    let system = stack.http.get("/system").send().json();
    let state = system["patterns"].as_array().unwrap().iter().find(|state| state["pattern"] == pattern).unwrap();
    assert_eq!(state["circuitOpen"], open, "{state}");
    open
}

fn many_orders(person: &Person, number: usize) -> Vec<Answer> {
    let orders: Vec<Pending> =
        (0..number).map(|n| person.ordering(&format!("order {n}")).send_in_background()).collect();
    orders.into_iter().map(Pending::wait).collect()
}

#[test]
fn when_no_worker_replies_any_more_requests_are_refused_at_once_until_one_does() {
    const REFUSED: &str = "The workers have stopped replying. Nothing was done.";
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "500").start();
    let person = stack.somebody();
    let worker = stack.process("orders-create");
    worker.signal(Signal::Freeze);
    for answer in many_orders(&person, 25) {
        assert!(matches!(answer.status, 503 | 504), "{answer:?}");
    }
    assert!(is_open(&stack, "orders.create") && !is_open(&stack, "orders.list"));
    let refused =
        || (0..10).map(|_| person.ordering("refused").send()).filter(|answer| answer.json()["message"] == REFUSED);
    let refusals: Vec<Answer> = refused().collect();
    assert!(refusals.len() >= 5, "ten requests in a row are at most some probes");
    problem(&refusals[0], 503, "service_unavailable");
    assert_eq!(refusals[0].header("retry-after"), "1");
    person.get("/orders").send().expect(200);
    let reasons = stack.metrics();
    assert!(reasons.contains("http_server_refused_requests_total{reason=\"circuit_open\"}"), "{reasons}");

    let renewed = || stack.process("gateway").events("replaced the connection to the broker").len() == 1;
    wait_until("the gateway had another connection", seconds(10), renewed);
    worker.signal(Signal::Cont);
    wait_until("a probe got a reply", seconds(10), || person.ordering("probe").send().status == 201);
    assert!(!is_open(&stack, "orders.create"));
    assert!(many_orders(&person, 25).iter().all(|answer| answer.status == 201));
    let refused: i64 = stack.orders_db().value("SELECT count(*) FROM orders WHERE title = 'refused'", &[]);
    let opened = stack.process("gateway").events("circuit breaker opened: almost no request gets a reply").len();
    assert_eq!((refused, opened), (0, 1));
}

#[test]
fn late_replies_lower_how_many_requests_of_their_pattern_are_in_flight() {
    let stack =
        Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "4000").set("GATEWAY_IN_FLIGHT_PER_PATTERN", "40").start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let orders: Vec<Pending> = (0..30).map(|n| person.ordering(&format!("late {n}")).send_in_background()).collect();
    wait_until("all were in flight", seconds(3), || gauge(&stack, "gateway_requests_in_flight", "orders.create") == 30);
    let in_flight = Instant::now();
    wait_until("the replies were late", seconds(4), || in_flight.elapsed() > seconds(2));
    hold.release();
    for order in orders {
        order.wait().expect(201);
    }
    let limit = |pattern| gauge(&stack, "gateway_concurrency_limit", pattern);
    assert_eq!((limit("orders.create"), limit("orders.list")), (20, 40));
    assert!(!is_open(&stack, "orders.create"), "a late reply is a reply");
    wait_until("the limit rose again", seconds(20), || {
        many_orders(&person, 18);
        limit("orders.create") == 40
    });
}
