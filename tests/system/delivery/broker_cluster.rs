//! On a cluster of three brokers: the loss, the freezing and the restart of nodes lose no order, duplicate none, and make no
//! answer a lie.

use std::collections::BTreeMap;
use std::time::Duration;

use system_tests::{Cluster, Signal, Stack};

use crate::delivery::load::{Outcome, assert_whole, under_load, wait_for_more_orders};

/// The longest time without an order that was placed.
fn longest_gap(outcomes: &BTreeMap<String, Outcome>) -> Duration {
    let mut placed: Vec<Duration> =
        outcomes.values().filter(|outcome| outcome.status == 201).map(|outcome| outcome.at).collect();
    placed.sort();
    placed.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(Duration::MAX)
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
        cluster.node(1).signal(Signal::Freeze);
        // Its clients notice when it has sent no heartbeats for a while.
        wait_for_more_orders(&stack, 1_500);
        cluster.node(1).signal(Signal::Cont);
        wait_for_more_orders(&stack, 200);
        assert_eq!(stack.pids(), pids, "nothing of ours had to be restarted");
    });
    assert_whole(&stack, &person, &outcomes);
    eprintln!("the longest gap: {:?}", longest_gap(&outcomes));
}
