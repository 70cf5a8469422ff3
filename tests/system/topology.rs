//! `GET /system` shows the system as it is now: who serves what, what waits, how much passes and how fast.

use serde_json::{Value, json};
use tests::wait::{millis, seconds};
use tests::{Person, Servers, Stack, wait_until};

/// The row of a pattern.
fn row(person: &Person, pattern: &str) -> Value {
    let system = person.get("/system").send().expect(200).json();
    assert_eq!(system["broker"], true);
    let row = system["patterns"].as_array().unwrap().iter().find(|row| row["pattern"] == pattern).cloned();
    row.unwrap_or_else(|| panic!("no {pattern} in {system}"))
}

#[test]
fn it_is_for_those_who_are_signed_in() {
    let stack = Stack::start();
    assert_eq!(stack.http.get("/system").send().outcome(), (401, "missing_token".into()));
    assert_eq!(stack.somebody().get("/system").send().expect(200).header("cache-control"), "no-store");
}

#[test]
fn a_new_worker_is_seen_within_two_seconds() {
    let stack = Stack::plan().without("orders-list").start();
    let somebody = stack.somebody();
    let workers = |pattern: &str| row(&somebody, pattern)["workers"].clone();
    assert_eq!((workers("orders.get"), workers("orders.list")), (json!(1), json!(0)));
    stack.launch("orders-list");
    wait_until("the new worker was seen", seconds(2), || workers("orders.list") == 1);
    stack.process("orders-list").kill();
    wait_until("its end was seen", seconds(2), || workers("orders.list") == 0);
}

#[test]
fn requests_that_wait_for_a_worker_are_counted() {
    let stack = Stack::plan().set("WORKER_PREFETCH", "1").start();
    let somebody = stack.somebody();
    let hold = stack.hold_orders();
    let pending: Vec<_> = (0..4).map(|n| somebody.ordering(&format!("{n}")).send_in_background()).collect();
    wait_until("three were seen waiting", seconds(3), || row(&somebody, "orders.create")["waiting"] == 3);
    hold.release();
    for pending in pending {
        pending.wait().expect(201);
    }
    wait_until("none was seen waiting", seconds(3), || row(&somebody, "orders.create")["waiting"] == 0);
}

#[test]
fn listeners_are_shown_with_what_waits_and_what_is_dead() {
    let stack = Stack::plan().with_events().start();
    let somebody = stack.somebody();
    let listeners = || somebody.get("/system").send().expect(200).json()["listeners"].clone();
    let served = json!([
        { "listener": "users.on_order_created", "event": "order.created", "workers": 1, "waiting": 0, "dead": 0 },
        { "listener": "orders.on_user_registered", "event": "user.registered", "workers": 1, "waiting": 0, "dead": 0 },
    ]);
    wait_until("both listeners were seen", seconds(5), || listeners() == served);
    let count_orders = stack.process("users-on-order-created");
    count_orders.stop(seconds(10));
    somebody.place("nobody counts it yet");
    let waits = || listeners()[0].clone();
    wait_until("the event was seen waiting", seconds(5), || {
        (&waits()["workers"], &waits()["waiting"]) == (&json!(0), &json!(1))
    });
}

#[test]
fn rate_and_latency_are_those_of_the_last_seconds() {
    let stack = Stack::start();
    let somebody = stack.somebody();
    let idle = row(&somebody, "orders.list");
    assert_eq!((&idle["ratePerSecond"], &idle["latencyMs"]), (&json!(0.0), &Value::Null));
    let slowest = (0..100).map(|_| somebody.get("/orders").send().expect(200).took).max().unwrap();
    let busy = row(&somebody, "orders.list");
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(number(&busy["ratePerSecond"]) >= 100.0 / 11.0, "{busy}");
    let (p50, p99) = (number(&busy["latencyMs"]["p50"]), number(&busy["latencyMs"]["p99"]));
    // What a client measures has the way to the gateway in it, too.
    assert!(0.0 < p50 && p50 <= p99 && p99 <= (slowest * 2 + millis(1)).as_secs_f64() * 1e3, "{busy} {slowest:?}");
    assert_eq!(row(&somebody, "orders.get")["latencyMs"], Value::Null);
    wait_until("the rate had fallen to nothing", seconds(15), || row(&somebody, "orders.list")["latencyMs"].is_null());
}

#[test]
fn without_a_broker_what_nobody_can_know_is_null() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).start();
    let somebody = stack.somebody();
    servers.broker.server().stop();
    let unknown = || {
        let system = somebody.get("/system").send().expect(200).json();
        let rows = system["patterns"].as_array().unwrap().clone();
        system["broker"] == false && rows.iter().all(|row| row["workers"].is_null() && row["waiting"].is_null())
    };
    wait_until("the gateway knew nothing", seconds(10), unknown);
    servers.broker.start_and_time();
    stack.wait_until_ready();
}
