//! Answers are true: a request that was answered 503 is never executed, and an unknown outcome is answered 504.

use serde_json::{Value, json};
use system_tests::problem::problem;
use system_tests::wait::{millis, seconds};
use system_tests::{Answer, Person, Signal, Stack, wait_until};

/// The titles of all orders.
fn titles(stack: &Stack<'_>) -> Vec<String> {
    stack.orders_db().column("SELECT title FROM orders ORDER BY title", &[])
}

/// A 503, which says when to try again.
#[track_caller]
fn not_done(answer: &Answer, code: &str) -> Value {
    let retry_after = answer.header("retry-after").parse::<u32>();
    let body = problem(answer, 503, code);
    assert!(retry_after.is_ok_and(|seconds| seconds >= 1), "{:?}", answer.headers);
    body
}

#[test]
fn without_a_worker_and_no_wait_the_answer_is_503_within_50_ms_and_nothing_is_done_later() {
    let stack = Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "0").alone().start();
    let person = stack.register();
    person.place("before");
    stack.process("orders-create").stop(seconds(10));
    stack.wait_until_unserved("orders.create");
    let answers: Vec<Answer> = (0..10).map(|_| person.ordering("refused").send()).collect();
    for answer in &answers {
        not_done(answer, "service_unavailable");
    }
    // Slow answers show a busy machine, not a waiting gateway, which would delay every answer.
    let mut times: Vec<_> = answers.iter().map(|answer| answer.took).collect();
    times.sort_unstable();
    assert!(times[5] < millis(50), "{times:?}");
    // The other patterns do not suffer.
    person.get("/orders").send().expect(200);

    stack.launch_worker("orders-create");
    wait_until("orders were taken again", seconds(3), || person.ordering("after").send().status == 201);
    assert_eq!(stack.wire().queue("orders.create").unwrap().ready, 0);
    let orders = titles(&stack);
    assert!(orders.iter().all(|title| title != "refused"), "{orders:?}");
}

#[test]
fn a_killed_worker_that_nobody_replaces_is_503_too() {
    let stack = Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "300").start();
    let person = stack.register();
    stack.process("orders-create").kill();
    stack.process("users-login").kill();
    stack.wait_until_unserved("orders.create");
    stack.wait_until_unserved("users.login");
    let login = json!({ "email": person.email, "password": person.password });
    for answer in [person.ordering("refused").send(), stack.http.post("/users/login").json(&login).send()] {
        not_done(&answer, "service_unavailable");
    }
    person.get("/users/profile").send().expect(200);
}

#[test]
fn a_pattern_that_was_never_served_is_503() {
    let stack = Stack::plan().without("orders-create").without("users-profile").start();
    let person = stack.register();
    assert_eq!(stack.wire().queue("orders.create"), None, "there is not even a queue");
    for answer in [person.ordering("refused").send(), person.get("/users/profile").send()] {
        not_done(&answer, "service_unavailable");
    }
    what_another_service_makes_up_is_502(&stack, &person);
    stack.launch_worker("orders-create");
    wait_until("orders were taken", seconds(3), || person.ordering("taken").send().status == 201);
    assert_eq!(titles(&stack), ["taken"]);
}

/// Replies in place of `orders-create` and `users-profile`, which do not run.
fn what_another_service_makes_up_is_502(stack: &Stack<'_>, person: &Person) {
    let order = json!({ "id": person.id, "title": "t", "description": "d", "price": 1.5, "userId": person.id,
        "orderReference": null, "createdAt": "2026-01-31T12:00:00.000Z", "updatedAt": "2026-01-31T12:00:00.000Z" });
    let disposed = |reply: Value| json!({ "response": reply, "isDisposed": true }).to_string();
    let (mut half, mut odd) = (order.clone(), order.clone());
    half.as_object_mut().unwrap().remove("description");
    odd["price"] = json!("1.5");
    let made_up = [
        r#"{"isDisposed":true}"#.to_owned(),
        disposed(json!("hello")),
        disposed(json!({ "id": person.id })),
        disposed(half),
        disposed(odd),
        disposed(json!([order])),
        json!({ "response": order }).to_string(),
        json!({ "response": order, "err": "no", "isDisposed": true }).to_string(),
        json!({ "err": 7, "isDisposed": true }).to_string(),
        "hello".to_owned(),
    ];
    let logged = || stack.process("gateway").events("request").into_iter().filter(|line| line["code"] == "bad_reply");
    for (n, reply) in made_up.iter().enumerate() {
        let create = stack.answer_in_place_of("orders.create", person.ordering("made up"), reply);
        let detail = problem(&create, 502, "bad_reply")["detail"].clone();
        assert!(detail.as_str().unwrap().contains("may have been executed"), "{reply}: {detail}");
        let read = stack.answer_in_place_of("users.profile", person.get("/users/profile"), reply);
        let detail = problem(&read, 502, "bad_reply")["detail"].clone();
        assert!(detail.as_str().unwrap().contains("safely try again"), "{reply}: {detail}");
        wait_until("each had one line", seconds(3), || logged().count() == 2 * (n + 1));
    }
    assert!(logged().all(|line| line["level"] == "ERROR" && line["error"].is_string()));
    stack.answer_in_place_of("orders.create", person.ordering("real"), &disposed(order)).expect(201);
}

#[test]
fn a_frozen_worker_is_504_and_does_not_begin_what_nobody_waits_for_any_more() {
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "400").start();
    let person = stack.somebody();
    let worker = stack.process("orders-create");
    worker.signal(Signal::Freeze);
    let answer = person.ordering("expired").send();
    problem(&answer, 504, "outcome_unknown");
    assert!(answer.took >= millis(380) && answer.took < millis(1_500), "{:?}", answer.took);
    worker.signal(Signal::Cont);
    wait_until("orders were taken again", seconds(5), || person.ordering("marker").send().status == 201);
    assert!(titles(&stack).iter().all(|title| title == "marker"));
    assert_eq!(stack.wire().queue("orders.create").unwrap().ready, 0);
}

#[test]
fn a_request_that_waits_in_the_queue_past_its_deadline_is_never_executed() {
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "600").set("WORKER_PREFETCH", "1").start();
    let person = stack.somebody();
    let hold = stack.hold_orders();
    let begun = person.ordering("begun").send_in_background();
    hold.wait_for(1);
    // The one worker is busy, so this stays with the broker.
    let answer = person.ordering("waited").send();
    not_done(&answer, "service_unavailable");
    problem(&begun.wait(), 504, "outcome_unknown");
    assert_eq!(stack.wire().queue("orders.create").unwrap().ready, 0, "the broker still has it");
    hold.release();
    wait_until("orders were taken again", seconds(5), || person.ordering("marker").send().status == 201);
    let orders = titles(&stack);
    assert!(!orders.contains(&"waited".into()), "{orders:?}");
    assert_eq!(orders[0], "begun", "504 says unknown: this one was done");
}

#[test]
fn a_read_that_takes_too_long_is_504_as_well() {
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "300").start();
    let person = stack.somebody();
    let worker = stack.process("orders-list");
    worker.signal(Signal::Freeze);
    problem(&person.get("/orders").send(), 504, "outcome_unknown");
    worker.signal(Signal::Cont);
    wait_until("lists were served again", seconds(5), || person.get("/orders").send().status == 200);
}

#[test]
fn more_than_the_bound_of_requests_in_flight_is_503_and_other_patterns_go_on() {
    let stack = Stack::plan().copies("orders-create", 2).set("GATEWAY_IN_FLIGHT_PER_PATTERN", "2").start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let in_flight: Vec<_> = (0..2).map(|n| person.ordering(&format!("held {n}")).send_in_background()).collect();
    hold.wait_for(2);
    for _ in 0..3 {
        not_done(&person.ordering("shed").send(), "overloaded");
    }
    person.get("/orders").send().expect(200);
    hold.release();
    for answer in in_flight {
        answer.wait().expect(201);
    }
    person.place("room again");
    assert_eq!(titles(&stack), ["held 0", "held 1", "room again"]);
}

#[test]
fn a_slow_request_does_not_block_others_of_its_worker() {
    let stack = Stack::start();
    let person = stack.register();
    person.place("first");
    let sql = stack.orders_db();
    sql.execute("BEGIN; LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE");
    let slow = person.ordering("slow").header("idempotency-key", "k").send_in_background();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'idempotency_keys'::regclass";
    wait_until("the slow request waited", seconds(5), || stack.orders_db().value::<i64>(waits, &[]) == 1);
    let quick = person.ordering("quick").send();
    sql.execute("COMMIT");
    slow.wait().expect(201);
    quick.expect(201);
}
