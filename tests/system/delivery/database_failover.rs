//! A database with a standby: when the primary is killed and the standby promoted, no acknowledged order is lost, none is
//! duplicated, and no process has to be restarted.

use system_tests::{Servers, Stack};

use crate::delivery::load::{assert_whole, share, under_load, wait_for_more_orders};

#[test]
fn a_promoted_standby_has_every_acknowledged_order_and_is_found() {
    let servers = Servers::with_standby();
    let stack = Stack::on(&servers).with_events().copies("orders-create", 2).alone().start();
    let person = stack.register();
    let pids = stack.pids();
    let outcomes = under_load(&person, |_| {
        wait_for_more_orders(&stack, 200);
        servers.orders.server().kill();
        servers.orders.promote_standby();
        wait_for_more_orders(&stack, 300);
    });
    assert_eq!(stack.pids(), pids, "nothing of ours had to be restarted");
    assert_whole(&stack, &person, &outcomes);
    assert!(share(&outcomes, 201) > 0.5, "{}", share(&outcomes, 201));
}
