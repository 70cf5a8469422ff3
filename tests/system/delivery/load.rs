//! Under 100 orders a second, while workers and the broker are killed: no acknowledged order is lost, none is duplicated,
//! and no refused order is placed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use system_tests::wait::seconds;
use system_tests::{Person, Servers, Stack, wait_until};

const PER_SECOND: u32 = 100;
/// The load goes on for this long after the trouble is over.
const AFTERMATH: Duration = seconds(3);
/// As many clients as can be waiting at a time: a request may take five seconds.
const CLIENTS: usize = 128;

/// The outcome of an order, as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Since the load began.
    pub(super) at: Duration,
    /// 0 when there was no answer.
    pub(super) status: u16,
    code: String,
}

/// Places orders at a steady rate during `trouble` and a little longer; returns the outcome of each title.
pub(super) fn under_load(person: &Person, trouble: impl FnOnce(Instant)) -> BTreeMap<String, Outcome> {
    let begun = Instant::now();
    let (next, end, outcomes) = (AtomicU32::new(0), Mutex::new(Duration::MAX), Mutex::new(BTreeMap::new()));
    let client = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = Duration::from_secs(1) * number / PER_SECOND;
        if due > *end.lock().unwrap() {
            return;
        }
        thread::sleep(due.saturating_sub(begun.elapsed())); // the rate: nothing is waited for
        let title = format!("load {number:05}");
        let at = begun.elapsed();
        let (status, code) = person.ordering(&title).try_send().map_or((0, String::new()), |answer| answer.outcome());
        outcomes.lock().unwrap().insert(title, Outcome { at, status, code });
    };
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
        // Also when it fails, or the clients would go on for ever.
        let trouble = catch_unwind(AssertUnwindSafe(|| trouble(begun)));
        *end.lock().unwrap() = begun.elapsed() + AFTERMATH;
        trouble.unwrap_or_else(|panic| resume_unwind(panic));
    });
    outcomes.into_inner().unwrap()
}

/// Compares every answer with the database.
fn assert_no_answer_lied(stack: &Stack<'_>, outcomes: &BTreeMap<String, Outcome>) {
    let titles: Vec<String> = stack.orders_db().column("SELECT title FROM orders WHERE title LIKE 'load %'", &[]);
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    for title in &titles {
        *rows.entry(title).or_default() += 1;
    }
    let mut summary: BTreeMap<(u16, &str), usize> = BTreeMap::new();
    for (title, outcome) in outcomes {
        let placed = rows.remove(title.as_str()).unwrap_or(0);
        match outcome.status {
            201 => assert_eq!(placed, 1, "{title} was acknowledged: {outcome:?}"),
            503 => assert_eq!(placed, 0, "{title} was refused: {outcome:?}"),
            504 | 0 => assert!(placed <= 1, "{title} was placed {placed} times: {outcome:?}"),
            _ => panic!("{title}: {outcome:?}"),
        }
        *summary.entry((outcome.status, &outcome.code)).or_default() += 1;
    }
    assert!(rows.is_empty(), "nobody ordered {rows:?}");
    eprintln!("{summary:?}");
}

pub(super) fn share(outcomes: &BTreeMap<String, Outcome>, status: u16) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap());
    count(outcomes.values().filter(|outcome| outcome.status == status).count()) / count(outcomes.len())
}

/// After this no request of the load is in flight.
fn settle(stack: &Stack<'_>, person: &Person) {
    wait_until("orders were taken again", seconds(20), || person.ordering("marker").send().status == 201);
    let queue = || stack.wire().queue("orders.create").is_some_and(|queue| queue.ready == 0);
    wait_until("the queue was empty", seconds(10), queue);
    // A relay that leads holds its lock in a transaction that is idle for as long as it leads.
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND pid <> pg_backend_pid()";
    wait_until("the database had nothing to do", seconds(10), || stack.orders_db().value::<i64>(busy, &[]) == 0);
}

/// Waits until the load has placed this many more orders.
fn wait_for_orders(stack: &Stack<'_>, more: i64) {
    let before = stack.orders_db().count("orders");
    wait_until("orders went through", seconds(10), || stack.orders_db().count("orders") >= before + more);
}

/// Every answer is true, and the listener has counted every order once.
pub(super) fn assert_whole(stack: &Stack<'_>, person: &Person, outcomes: &BTreeMap<String, Outcome>) {
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
}

/// Waits until the load has placed this many more orders, however long the servers take to agree on new leaders.
pub(super) fn wait_for_more_orders(stack: &Stack<'_>, more: i64) {
    let before = stack.orders_db().count("orders");
    wait_until("orders went through", seconds(90), || stack.orders_db().count("orders") >= before + more);
}

#[test]
fn workers_killed_under_load_lose_no_order_and_duplicate_none() {
    let stack = Stack::plan().copies("orders-create", 2).alone().start();
    let person = stack.register();
    let outcomes = under_load(&person, |_| {
        for _ in 0..12 {
            wait_for_orders(&stack, 60);
            stack.all("orders-create").remove(0).kill();
            stack.launch_worker("orders-create");
        }
    });
    settle(&stack, &person);
    assert_no_answer_lied(&stack, &outcomes);
    // One worker was always left, and takes over what the other had.
    assert!(share(&outcomes, 201) > 0.99, "{}", share(&outcomes, 201));
}

#[test]
fn every_order_is_counted_once_whatever_is_killed() {
    let stack = Stack::plan().with_events().copies("orders-create", 2).alone().start();
    let person = stack.register();
    let victims = ["orders-relay", "users-on-order-created", "orders-create"];
    let outcomes = under_load(&person, |_| {
        for victim in victims.iter().cycle().take(12) {
            wait_for_orders(&stack, 60);
            stack.all(victim).remove(0).kill();
            stack.launch_worker(victim);
        }
    });
    settle(&stack, &person);
    assert_no_answer_lied(&stack, &outcomes);
    let placed = stack.orders_db().count("orders");
    wait_until(&format!("{placed} orders were counted"), seconds(30), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == placed
    });
}

#[test]
fn answers_stay_true_when_the_only_worker_is_killed_under_load() {
    // Requests that wait for the next worker would not be refused.
    let stack = Stack::plan().set("GATEWAY_WAIT_FOR_WORKER_MS", "0").alone().start();
    let person = stack.register();
    let outcomes = under_load(&person, |_| {
        for _ in 0..4 {
            wait_for_orders(&stack, 60);
            stack.process("orders-create").kill();
            stack.wait_until_unserved("orders.create");
            stack.launch_worker("orders-create");
        }
    });
    settle(&stack, &person);
    assert_no_answer_lied(&stack, &outcomes);
    assert!(share(&outcomes, 503) > 0.0, "nothing was refused, so this test has shown nothing");
    assert!(share(&outcomes, 201) > 0.7, "{}", share(&outcomes, 201));
}

#[test]
fn answers_stay_true_when_the_broker_is_killed_under_load() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).copies("orders-create", 2).alone().start();
    let person = stack.register();
    let pids = stack.pids();
    let mut back = Duration::ZERO;
    let outcomes = under_load(&person, |begun| {
        wait_for_orders(&stack, 200);
        servers.broker.server().kill();
        servers.broker.server().start();
        wait_until("orders were taken again", seconds(20), || person.ordering("probe").send().status == 201);
        back = begun.elapsed();
    });
    settle(&stack, &person);
    assert_no_answer_lied(&stack, &outcomes);
    assert_eq!(stack.pids(), pids, "nothing was restarted");
    let late: BTreeMap<_, _> = outcomes.into_iter().filter(|(_, outcome)| outcome.at > back + seconds(1)).collect();
    assert!(late.len() > 100 && share(&late, 201) > 0.99, "{late:?}");
}
