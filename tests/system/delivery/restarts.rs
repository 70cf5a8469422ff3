//! Clients do not notice the restart of a lone worker, however it ends, or of a gateway.

use std::thread;
use std::time::Instant;

use system_tests::wait::seconds;
use system_tests::{Answer, Stack, wait_until};

/// Sends requests at a fixed rate from several clients until `meanwhile` is done; returns all answers.
fn at_a_steady_rate(
    requests: u32,
    rate: u32,
    ask: impl Fn(u32) -> Answer + Sync,
    meanwhile: impl FnOnce(),
) -> Vec<Answer> {
    const CLIENTS: u32 = 12;
    let begun = Instant::now();
    let paced = |n: u32| {
        thread::sleep((seconds(1) / rate * n).saturating_sub(begun.elapsed()));
        ask(n)
    };
    thread::scope(|scope| {
        let paced = &paced;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || (0..requests / CLIENTS).map(|n| paced(n * CLIENTS + client)).collect::<Vec<_>>())
            })
            .collect();
        meanwhile();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[track_caller]
fn assert_all_served(answers: &[Answer]) {
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status / 100 != 2).map(Answer::outcome).collect();
    assert!(refused.is_empty(), "{} of {}: {refused:?}", refused.len(), answers.len());
}

#[test]
fn requests_survive_the_end_of_a_lone_worker_if_another_starts() {
    const REQUESTS: u32 = 480;
    // A machine that also builds may take longer to start a process than anybody should wait.
    let stack = Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "4500").alone().start();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("first")["id"].as_str().unwrap());
    let ask =
        |n: u32| if n.is_multiple_of(2) { person.get(&path).send() } else { person.ordering(&format!("n{n}")).send() };
    let answers = at_a_steady_rate(REQUESTS, 100, ask, || {
        for (name, killed) in
            [("orders-get", true), ("orders-create", true), ("orders-get", false), ("orders-create", false)]
        {
            let worker = stack.process(name);
            wait_until("requests went through", seconds(10), || worker.events("handled").len() > 5);
            if killed {
                worker.kill();
            } else {
                assert!(worker.stop(seconds(10)).success());
            }
            stack.launch(name);
        }
    });
    assert_all_served(&answers);
    assert_eq!(stack.orders_db().count("orders"), i64::from(REQUESTS / 2) + 1);
}

#[test]
fn a_rolling_restart_of_gateways_loses_no_request() {
    const REQUESTS: u32 = 3_000;
    let stack = Stack::plan().set("GATEWAY_REUSE_PORT", "true").alone().start();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("first")["id"].as_str().unwrap());
    let ask = |n: u32| {
        let call = if n.is_multiple_of(8) { person.ordering(&format!("n{n}")) } else { person.get(&path) };
        // Some use a connection of their own, which either gateway must accept.
        if n.is_multiple_of(3) { call.header("connection", "close").send() } else { call.send() }
    };
    let answers = at_a_steady_rate(REQUESTS, 200, ask, || {
        for _ in 0..3 {
            let old = stack.process("gateway");
            let new = stack.launch("gateway");
            wait_until("the new one served", seconds(15), || !new.events("serving").is_empty());
            wait_until("it received requests", seconds(10), || new.events("request").len() > 20);
            assert!(old.stop(seconds(15)).success());
        }
    });
    assert_all_served(&answers);
    assert_eq!(stack.orders_db().count("orders"), i64::from(REQUESTS / 8) + 1);
}
