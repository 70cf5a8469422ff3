//! More copies of a worker share its work; it makes no difference which of them answers.

use std::thread;

use system_tests::wait::seconds;
use system_tests::{Person, Process, Stack, wait_until};

fn place(person: &Person, orders: usize) {
    thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || (0..orders / 4).for_each(|n| drop(person.place(&format!("{client}/{n}")))));
        }
    });
}

fn handled(worker: &Process) -> usize {
    worker.events("handled").iter().filter(|event| event["pattern"] == "orders.create").count()
}

#[test]
fn a_second_copy_shares_the_work() {
    let stack = Stack::start();
    let person = stack.register();
    place(&person, 20);
    let first = stack.process("orders-create");
    wait_until("the first copy had logged all", seconds(2), || handled(&first) == 20);

    let second = stack.launch_worker("orders-create");
    stack.wait_for_consumers("orders.create", 2);
    place(&person, 200);
    wait_until("both had logged all", seconds(2), || handled(&first) + handled(&second) == 220);
    let share = [handled(&first) - 20, handled(&second)];
    assert!(share.iter().all(|count| *count >= 40), "200 orders were shared {share:?}");
    assert_eq!(stack.orders_db().count("orders"), 220);
    assert_eq!(stack.readiness().unwrap().json()["patterns"]["orders.create"], 2);

    // And back: what one copy had is the other's again.
    assert!(first.stop(seconds(10)).success());
    stack.wait_for_consumers("orders.create", 1);
    place(&person, 20);
    wait_until("the second copy had logged all", seconds(2), || handled(&second) == share[1] + 20);
}

#[test]
fn every_worker_can_have_copies() {
    let mut plan = Stack::plan();
    for pattern in contracts::PATTERNS {
        plan = plan.copies(&contracts::naming::process_name(pattern), 2);
    }
    let stack = plan.start();
    for pattern in contracts::PATTERNS {
        assert_eq!(stack.wire().consumers(pattern), 2, "{pattern}");
    }
    for _ in 0..3 {
        let person = stack.register();
        let order = person.place("x");
        let path = format!("/orders/{}", order["id"].as_str().unwrap());
        assert_eq!(person.get(&path).send().expect(200).json(), order);
        assert_eq!(person.orders(), [order]);
        person.get("/users/profile").send().expect(200);
    }
}
