//! On a cluster of three brokers: the loss, the freezing and the restart of nodes lose no order, duplicate none, and make no
//! answer a lie.

use std::collections::BTreeMap;
use std::time::Duration;

use system_tests::wait::seconds;
use system_tests::{Cluster, Person, Signal, Stack, wait_until};

use crate::delivery::load::{Outcome, assert_no_answer_lied, under_load};

/// The longest time without an order that was placed.
fn longest_gap(outcomes: &BTreeMap<String, Outcome>) -> Duration {
    let mut placed: Vec<Duration> =
        outcomes.values().filter(|outcome| outcome.status == 201).map(|outcome| outcome.at).collect();
    placed.sort();
    placed.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(Duration::MAX)
}

/// Every answer is true, and the listener has counted every order once.
fn assert_whole(stack: &Stack<'_>, person: &Person, outcomes: &BTreeMap<String, Outcome>) {
    wait_until("orders were taken again", seconds(40), || person.ordering("marker").send().status == 201);
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND pid <> pg_backend_pid()";
    wait_until("the database had nothing to do", seconds(10), || stack.orders_db().value::<i64>(busy, &[]) == 0);
    assert_no_answer_lied(stack, outcomes);
    let placed = stack.orders_db().count("orders");
    wait_until(&format!("{placed} orders were counted"), seconds(60), || {
        let profile = person.get("/users/profile").send();
        profile.status == 200 && profile.json()["orderCount"] == placed
    });
    eprintln!("the longest gap: {:?}", longest_gap(outcomes));
}

/// Waits until the load has placed this many more orders, however long the nodes take to agree on new leaders.
fn wait_for_more_orders(stack: &Stack<'_>, more: i64) {
    let before = stack.orders_db().count("orders");
    wait_until("orders went through", seconds(90), || stack.orders_db().count("orders") >= before + more);
}

#[test]
fn nodes_may_be_killed_restarted_and_frozen_one_after_another() {
    let cluster = Cluster::start();
    let plan = Stack::on(&cluster.servers).with_events().copies("orders-create", 2).alone();
    let stack = plan.start();
    let person = stack.register();

    let outcomes = under_load(&person, |_| {
        wait_for_more_orders(&stack, 100);
        cluster.node(1).kill();
        wait_for_more_orders(&stack, 200);
        cluster.node(1).start();
        cluster.wait_until_whole();
        for restarted in [2, 3] {
            wait_for_more_orders(&stack, 100);
            cluster.node(restarted).stop();
            cluster.node(restarted).start();
            cluster.wait_until_whole();
        }
        wait_for_more_orders(&stack, 100);
        let pids = stack.pids();
        cluster.node(1).signal(Signal::Shutdown);
        // Its clients notice when it has sent no heartbeats for a while.
        wait_for_more_orders(&stack, 1_500);
        cluster.node(1).signal(Signal::Cont);
        wait_for_more_orders(&stack, 200);
        assert_eq!(stack.pids(), pids, "nothing of ours had to be restarted");
    });
    assert_whole(&stack, &person, &outcomes);
}
