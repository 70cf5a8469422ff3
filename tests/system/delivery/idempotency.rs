//! A client's `Idempotency-Key` makes several requests one order.

use system_tests::problem::problem;
use system_tests::stack::order;
use system_tests::wait::seconds;
use system_tests::{Answer, Person, Stack, wait_until};

fn keyed(person: &Person, key: &str, title: &str) -> system_tests::http::Call {
    person.ordering(title).header("idempotency-key", key)
}

/// The first answer again, whatever makes it recognisable.
fn assert_same(again: &Answer, first: &Answer) {
    assert_eq!(again.status, 201);
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("location"), first.header("location"));
}

#[test]
fn the_same_key_with_the_same_payload_answers_with_the_first_order() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    let first = keyed(&person, "key-1", "once").send().expect(201);
    for _ in 0..4 {
        assert_same(&keyed(&person, "key-1", "once").send(), &first);
    }
    // The same values written otherwise, and the same key in quotation marks, as the draft has it.
    let spaced = r#"{ "price": 1.999e1, "description": "All about once", "title": "\u006fnce" }"#;
    assert_same(&person.post("/orders").text(spaced).header("idempotency-key", "\"key-1\"").send(), &first);
    assert_eq!(stack.orders_db().count("orders"), 1);
    keyed(&person, "key-2", "once").send().expect(201);
    keyed(&person, "KEY-1", "once").send().expect(201);
    assert_eq!(stack.orders_db().count("orders"), 3);
}

#[test]
fn the_same_key_with_another_payload_is_422() {
    let stack = Stack::start();
    let person = stack.register();
    let first = keyed(&person, "key", "this").send().expect(201);
    let mut dearer = order("this");
    dearer["price"] = 20.into();
    let mut with_reference = order("this");
    with_reference["orderReference"] = "r".into();
    for other in [order("that"), dearer, with_reference] {
        let answer = person.post("/orders").json(&other).header("idempotency-key", "key").send();
        problem(&answer, 422, "idempotency_key_reused");
    }
    assert_same(&keyed(&person, "key", "this").send(), &first);
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn a_key_whose_first_request_still_runs_is_409() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let first = keyed(&person, "key", "slow").send_in_background();
    hold.wait_for(1);
    for title in ["slow", "another"] {
        problem(&keyed(&person, "key", title).send(), 409, "idempotency_key_in_use");
    }
    hold.release();
    let first = first.wait().expect(201);
    assert_same(&keyed(&person, "key", "slow").send(), &first);
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn concurrent_requests_with_one_key_place_one_order() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    for round in 0..5 {
        let key = format!("key-{round}");
        let all: Vec<_> = (0..12).map(|_| keyed(&person, &key, "race").send_in_background()).collect();
        let mut ids = Vec::new();
        for answer in all {
            let answer = answer.wait();
            match answer.status {
                201 => ids.push(answer.json()["id"].clone()),
                _ => drop(problem(&answer, 409, "idempotency_key_in_use")),
            }
        }
        assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(stack.orders_db().count("orders"), round + 1);
    }
}

#[test]
fn a_key_belongs_to_one_user() {
    let stack = Stack::start();
    let (one, other) = (stack.register(), stack.register());
    let mine = keyed(&one, "key", "mine").send().expect(201).json();
    let theirs = keyed(&other, "key", "theirs").send().expect(201).json();
    assert_ne!(mine["id"], theirs["id"]);
    assert_eq!((one.orders(), other.orders()), (vec![mine], vec![theirs]));
}

#[test]
fn a_request_that_was_refused_does_not_use_up_its_key() {
    let stack = Stack::start();
    let person = stack.register();
    let mut invalid = order("x");
    invalid["price"] = 0.into();
    person.post("/orders").json(&invalid).header("idempotency-key", "key").send().expect(422);
    keyed(&person, "key", "x").send().expect(201);
}

#[test]
fn requests_without_a_key_are_each_their_own_order() {
    let stack = Stack::start();
    let person = stack.register();
    assert_ne!(person.place("twice")["id"], person.place("twice")["id"]);
    // One request id on two requests is a name in logs, no key.
    for _ in 0..2 {
        person.ordering("named").header("x-request-id", "same").send().expect(201);
    }
    assert_eq!(stack.orders_db().count("orders"), 4);
}

#[test]
fn expired_keys_may_be_used_again_while_they_are_pruned() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    let db = stack.orders_db();
    let keys: Vec<String> = (0..30).map(|n| format!("key-{n}")).collect();
    for _ in 0..3 {
        for key in &keys {
            keyed(&person, key, "again").send().expect(201);
        }
        db.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
        // What begins looks at once for what is to be swept.
        let sweeper = stack.launch("orders-create");
        let new: Vec<_> = (0..30).map(|n| keyed(&person, &format!("new-{n}"), "new").send_in_background()).collect();
        let old: Vec<_> = keys.iter().map(|key| keyed(&person, key, "again").send_in_background()).collect();
        for answer in old.into_iter().chain(new) {
            answer.wait().expect(201);
        }
        wait_until("it was swept", seconds(10), || {
            db.value::<i64>("SELECT count(*) FROM idempotency_keys WHERE created_at < now() - interval '1 day'", &[])
                == 0
        });
        sweeper.stop(seconds(10));
    }
}
