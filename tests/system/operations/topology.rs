//! `GET /system` shows the current state: workers, queues, rates and latencies.

use serde_json::{Value, json};
use system_tests::wait::{millis, seconds};
use system_tests::{Person, Servers, Signal, Stack, wait_until};

/// The row of a pattern.
fn row(person: &Person, pattern: &str) -> Value {
    let system = person.get("/system").send().expect(200).json();
    assert_eq!(system["broker"], true);
    let row = system["patterns"].as_array().unwrap().iter().find(|row| row["pattern"] == pattern).cloned();
    row.unwrap_or_else(|| panic!("no {pattern} in {system}"))
}

#[test]
fn the_system_is_public_unless_a_setting_forbids_it() {
    let stack = Stack::start();
    let open = stack.http.get("/system").send().expect(200);
    assert_eq!(open.header("cache-control"), "no-store");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    assert!(host.trim().is_empty() || !open.body.contains(host.trim()), "it names no host: {}", open.body);
    stack.somebody().get("/system").send().expect(200);
    drop(stack);
    let stack = Stack::plan().set("GATEWAY_PUBLIC_SYSTEM", "false").start();
    assert_eq!(stack.http.get("/system").send().outcome(), (401, "missing_token".into()));
    assert_eq!(stack.http.get("/system").token("x").send().outcome(), (401, "invalid_token".into()));
    stack.somebody().get("/system").send().expect(200);
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
fn listeners_are_shown_with_waiting_and_dead_lettered_events() {
    let stack = Stack::plan().with_events().start();
    let somebody = stack.somebody();
    let listeners = || somebody.get("/system").send().expect(200).json()["listeners"].clone();
    let served = json!([
        { "listener": "users.on_order_created", "event": "order.created", "workers": 1, "waiting": 0, "retrying": 0, "dead": 0 },
        { "listener": "orders.on_user_registered", "event": "user.registered", "workers": 1, "waiting": 0, "retrying": 0, "dead": 0 },
        { "listener": "orders.on_user_updated", "event": "user.updated", "workers": 1, "waiting": 0, "retrying": 0, "dead": 0 },
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
fn events_that_wait_for_a_retry_are_counted() {
    let stack = Stack::plan().with_events().set("EVENTS_RETRY_MS", "600000").start();
    let somebody = stack.register();
    stack.users_db().execute("ALTER TABLE order_statistics RENAME TO away");
    somebody.place("counted later");
    let retrying = || somebody.get("/system").send().expect(200).json()["listeners"][0]["retrying"].clone();
    wait_until("the event was seen retrying", seconds(5), || retrying() == 1);
}

/// What `/system` says of the orders service's relay and database.
fn relay(stack: &Stack<'_>) -> (Value, Value) {
    let system = stack.http.get("/system").send().expect(200).json();
    let find = |list: &str, key: &str, name: &str| {
        let rows = system[list].as_array().unwrap();
        rows.iter().find(|row| row[key] == name).unwrap_or_else(|| panic!("no {name} in {system}")).clone()
    };
    (find("relays", "relay", "orders.relay"), find("databases", "database", "orders")["reachable"].clone())
}

#[test]
fn relays_report_who_leads_and_how_much_is_unpublished() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).with_events().start();
    let is = |workers: Value, standby: Value, unpublished: Value, reachable: Value| {
        let (relay, database) = relay(&stack);
        (&relay["workers"], &relay["standby"], &relay["unpublished"], database)
            == (&workers, &standby, &unpublished, reachable)
    };
    wait_until("one relay led", seconds(5), || is(json!(1), json!(0), json!(0), json!(true)));
    stack.launch_worker("orders-relay");
    wait_until("the second relay stood by", seconds(3), || is(json!(2), json!(1), json!(0), json!(true)));

    // Frozen processes do not answer, and their values are null.
    let relays = stack.all("orders-relay");
    let signal = |signal: Signal| {
        for relay in &relays {
            relay.signal(signal);
        }
    };
    signal(Signal::Freeze);
    wait_until("the values were unknown", seconds(3), || is(Value::Null, Value::Null, Value::Null, Value::Null));
    stack.somebody().place("published later");
    signal(Signal::Cont);
    wait_until("all was published", seconds(15), || is(json!(2), json!(1), json!(0), json!(true)));

    // That there is no relay is known from the broker.
    for relay in &relays {
        relay.stop(seconds(10));
    }
    wait_until("no relay was left", seconds(3), || is(json!(0), json!(0), Value::Null, Value::Null));
    stack.somebody().place("waits for a relay");
    stack.launch_worker("orders-relay");
    wait_until("it was published", seconds(5), || is(json!(1), json!(0), json!(0), json!(true)));

    servers.orders.server().stop();
    wait_until("the database was seen away", seconds(3), || is(json!(1), json!(1), Value::Null, json!(false)));
    servers.orders.server().start();
    wait_until("the database was seen back", seconds(5), || is(json!(1), json!(0), json!(0), json!(true)));
}

#[test]
fn unpublished_events_are_counted_with_their_age() {
    let stack = Stack::plan().with_events().start();
    let somebody = stack.somebody();
    let leader = stack.process("orders-relay");
    wait_until("it led", seconds(5), || !leader.events("leading").is_empty());
    stack.launch_worker("orders-relay");
    // Until the database ends its session no relay publishes; the other one reports what waits.
    leader.signal(Signal::Freeze);
    (0..3).for_each(|n| drop(somebody.place(&format!("{n}"))));
    let age = |relay: &Value| relay["oldestUnpublishedS"].as_f64().unwrap_or_default();
    wait_until("three were waiting, for a second and more", seconds(5), || {
        let (relay, _) = relay(&stack);
        relay["unpublished"] == 3 && relay["standby"] == 1 && relay["workers"] == 1 && age(&relay) >= 1.0
    });
    wait_until("none was waiting", seconds(15), || {
        let (relay, _) = relay(&stack);
        relay["unpublished"] == 0 && relay["oldestUnpublishedS"].is_null()
    });
    leader.signal(Signal::Cont);
}

#[test]
fn any_client_is_answered_on_the_exchange_control() {
    let stack = Stack::plan().with_events().start();
    let told = stack.wire().request_status("stats.orders.relay");
    assert_eq!((&told["response"]["name"], &told["isDisposed"]), (&json!("orders.relay"), &json!(true)), "{told}");
    assert_eq!(told["response"]["outbox"]["leader"], true, "{told}");
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
fn without_a_broker_unknown_values_are_null() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).start();
    let somebody = stack.somebody();
    servers.broker.server().stop();
    let unknown = || {
        let system = somebody.get("/system").send().expect(200).json();
        let rows = system["patterns"].as_array().unwrap().clone();
        let relays = system["relays"].as_array().unwrap().iter().all(|it| it["workers"].is_null());
        let databases = system["databases"].as_array().unwrap().iter().all(|it| it["reachable"].is_null());
        relays
            && databases
            && system["broker"] == false
            && rows.iter().all(|row| row["workers"].is_null() && row["waiting"].is_null())
    };
    wait_until("the gateway had no data", seconds(10), unknown);
    servers.broker.start_and_time();
    stack.wait_until_ready();
}
