//! Requests wait for a worker while there is none, and a 503 for one that waited in vain is certain.

use system_tests::forged_death::forge_deaths;
use system_tests::problem::problem;
use system_tests::stack::Plan;
use system_tests::wait::{millis, seconds};
use system_tests::{Person, Signal, Stack, wait_until};

/// The titles of all orders.
fn titles(stack: &Stack<'_>) -> Vec<String> {
    stack.orders_db().column("SELECT title FROM orders ORDER BY title", &[])
}

fn waiting(stack: &Stack<'_>, pattern: &str) -> u32 {
    stack.wire().queue(pattern).unwrap().ready
}

/// A stack in which no worker serves `orders.create` any more, and a person who orders.
fn without_orders_create(plan: Plan<'static>) -> (Stack<'static>, Person) {
    let stack = plan.start();
    let person = stack.somebody();
    stack.process("orders-create").stop(seconds(10));
    stack.wait_until_unserved("orders.create");
    (stack, person)
}

#[test]
fn a_request_waits_for_a_worker_that_starts() {
    let (stack, person) = without_orders_create(Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "4500"));
    let patient = person.ordering("patient").send_in_background();
    wait_until("it waited in its queue", seconds(4), || waiting(&stack, "orders.create") == 1);
    stack.launch_worker("orders-create");
    patient.wait().expect(201);
    assert_eq!(titles(&stack), ["patient"]);
}

#[test]
fn a_request_for_which_nobody_comes_is_503_and_is_not_done_later() {
    let (stack, person) = without_orders_create(Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "700"));
    let answer = person.ordering("refused").send();
    let body = problem(&answer, 503, "service_unavailable");
    assert_eq!(body["message"], "No worker took the request in time. Nothing was done.");
    assert!(answer.took >= millis(650), "it was refused after {:?}", answer.took);
    assert_eq!(waiting(&stack, "orders.create"), 0, "the broker still has it");
    stack.launch_worker("orders-create");
    wait_until("orders were taken again", seconds(5), || person.ordering("after").send().status == 201);
    assert!(titles(&stack).iter().all(|title| title == "after"));
}

#[test]
fn no_more_requests_wait_than_the_bound_and_a_stream_does_not_wait() {
    let plan = Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "4500").set("GATEWAY_WAITING_PER_PATTERN", "2");
    let (stack, person) = without_orders_create(plan);
    let patient: Vec<_> = (0..2).map(|n| person.ordering(&format!("patient {n}")).send_in_background()).collect();
    wait_until("both waited", seconds(4), || waiting(&stack, "orders.create") == 2);
    problem(&person.ordering("too many").send(), 503, "service_unavailable");
    assert!(patient.iter().all(|pending| !pending.is_done()), "it was refused only when there was room again");

    stack.process("orders-events").stop(seconds(10));
    stack.wait_until_unserved("orders.events");
    let after = uuid::Uuid::now_v7().to_string();
    problem(&person.get("/orders/events").header("last-event-id", &after).send(), 503, "service_unavailable");
    assert!(patient.iter().all(|pending| !pending.is_done()), "the stream waited");

    stack.launch_worker("orders-create");
    for pending in patient {
        pending.wait().expect(201);
    }
    assert_eq!(titles(&stack), ["patient 0", "patient 1"]);
}

#[test]
fn behind_a_hung_worker_what_was_not_begun_is_503_and_what_was_begun_is_504() {
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "8000").set("WORKER_PREFETCH", "1").start();
    let person = stack.somebody();
    let hold = stack.hold_orders();
    let begun = person.ordering("begun").send_in_background();
    hold.wait_for(1);
    let worker = stack.process("orders-create");
    worker.signal(Signal::Freeze);
    let queued: Vec<_> = (0..3).map(|n| person.ordering(&format!("queued {n}")).send_in_background()).collect();
    for pending in queued {
        problem(&pending.wait(), 503, "service_unavailable");
    }
    problem(&begun.wait(), 504, "outcome_unknown");
    hold.release();
    worker.signal(Signal::Cont);
    wait_until("orders were taken again", seconds(5), || person.ordering("marker").send().status == 201);
    let orders = titles(&stack);
    assert!(orders.iter().all(|title| !title.starts_with("queued")), "{orders:?}");
}

#[test]
fn a_request_that_a_killed_worker_had_begun_is_never_reported_as_not_executed() {
    let stack = Stack::plan().set("GATEWAY_REQUEST_TIMEOUT_MS", "1500").start();
    let person = stack.somebody();
    let hold = stack.hold_orders();
    let begun = person.ordering("begun").send_in_background();
    hold.wait_for(1);
    stack.process("orders-create").kill();
    // The broker has it again, and drops it unserved; its statement is done all the same.
    hold.release();
    problem(&begun.wait(), 504, "outcome_unknown");
    assert_eq!(titles(&stack), ["begun"]);
}

#[test]
fn a_queue_that_a_forged_death_crashed_is_replaced_by_the_worker_that_comes() {
    let stack = Stack::start();
    let person = stack.register();
    stack.process("users-profile").stop(seconds(10));
    stack.wait_until_unserved("users.profile");
    for queue in ["users.profile", "users.profile.redelivered"] {
        forge_deaths(&stack, queue);
    }
    let unserved = person.get("/users/profile").send_in_background();
    person.get("/orders").send().expect(200);
    assert!(!unserved.is_done(), "another pattern was held up until the broker was known to be silent on this one");
    problem(&unserved.wait(), 503, "service_unavailable");
    stack.launch_worker("users-profile");
    wait_until("the pattern was served", seconds(20), || person.get("/users/profile").send().status == 200);
}

#[test]
fn a_queue_that_a_forged_death_crashed_is_replaced_by_the_worker_that_consumes_it() {
    let stack = Stack::plan().set("WORKER_PREFETCH", "1").start();
    let person = stack.register();
    let worker = stack.process("users-profile");
    worker.signal(Signal::Freeze);
    let held = person.get("/users/profile").send_in_background();
    let in_hand = || stack.wire().queue("users.profile").is_some_and(|queue| queue.ready == 0);
    wait_until("the worker has a request in hand", seconds(5), in_hand);
    forge_deaths(&stack, "users.profile");
    worker.signal(Signal::Cont);
    held.wait();
    wait_until("the worker serves again", seconds(10), || person.get("/users/profile").send().status == 200);
    assert!(worker.is_running());
}
