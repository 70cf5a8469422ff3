//! Events that arrive together share a transaction, and an event that crashes its listener costs the others few deliveries.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use system_tests::wait::seconds;
use system_tests::{Message, Process, Sql, Stack, wait_until};
use uuid::Uuid;

const LISTENER: &str = "users-on-order-created";
const DEAD: &str = "users.on_order_created.dead";

/// An event as a relay publishes it.
fn order_of(user: &str) -> Message {
    let order = json!({
        "id": Uuid::now_v7(), "title": "t", "description": "d", "price": 0.1, "userId": user,
        "orderReference": null, "createdAt": "2026-01-31T12:00:00.000Z", "updatedAt": "2026-01-31T12:00:00.000Z",
    });
    let packet = json!({ "pattern": "order.created", "data": order });
    let id = Uuid::now_v7().to_string();
    Message::new("order.created", packet.to_string()).through("events").without_reply().message_id(&id)
}

fn counted(db: &Sql) -> i64 {
    db.value("SELECT coalesce(sum(order_count), 0)::bigint FROM order_statistics", &[])
}

/// Which of the processes has a connection from this port.
fn owner_of(port: i32, processes: &[Arc<Process>]) -> Option<Arc<Process>> {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{port:04X}");
    let socket = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let inode = socket.filter(|fields| fields.get(1).is_some_and(|at| at.ends_with(&local))).map(|fields| fields[9]);
    let links: Vec<String> = inode.map(|inode| format!("socket:[{inode}]")).collect();
    let has = |process: &&Arc<Process>| {
        let open = fs::read_dir(format!("/proc/{}/fd", process.pid())).into_iter().flatten().flatten();
        let links_to = |file: fs::DirEntry| fs::read_link(file.path()).ok();
        open.filter_map(links_to).any(|link| links.iter().any(|socket| link.to_str() == Some(socket)))
    };
    processes.iter().find(has).cloned()
}

#[test]
fn events_share_a_transaction_and_a_malformed_one_is_dead_lettered_alone() {
    const EVENTS: i64 = 300;
    let stack = Stack::plan().with_events().start();
    let db = stack.users_db();
    stack.process(LISTENER).kill();
    let users: Vec<String> = (0..7).map(|_| Uuid::now_v7().to_string()).collect();
    for n in 0..EVENTS {
        stack.wire().send(&order_of(&users[usize::try_from(n).unwrap() % users.len()]));
        if n == EVENTS / 2 {
            let nonsense = Message::new("order.created", "nonsense").through("events").without_reply();
            stack.wire().send(&nonsense.message_id(&Uuid::now_v7().to_string()));
        }
    }
    stack.launch_worker(LISTENER);
    wait_until("all were counted", seconds(20), || counted(&db) == EVENTS);
    let transactions: i64 = db.value("SELECT count(DISTINCT xmin::text) FROM inbox", &[]);
    assert!(transactions < EVENTS / 2, "{EVENTS} events took {transactions} transactions");
    wait_until("the malformed one was dead-lettered", seconds(5), || stack.wire().queue(DEAD).unwrap().ready == 1);
}

#[test]
fn an_event_that_crashes_its_listener_costs_others_two_deliveries_and_is_dead_lettered() {
    const EVENTS: i64 = 9_999;
    /// Of the 20 that the broker allows: the first one, the first recorded attempt, and the one that applies the event.
    const FEW: i64 = 3;
    let stack = Stack::plan().with_events().copies(LISTENER, 3).start();
    let db = stack.users_db();
    let deadly = Uuid::now_v7().to_string();
    db.execute(&format!("INSERT INTO order_statistics VALUES ('{deadly}', 0, 0)"));
    // Whoever touches this row is stuck, and then killed.
    let holder = Sql::open(&stack.users_url);
    let pid: i32 = holder.value("SELECT pg_backend_pid()", &[]);
    holder.execute(&format!("BEGIN; SELECT FROM order_statistics WHERE user_id = '{deadly}' FOR UPDATE"));
    let mut processes = stack.all(LISTENER);
    let users: Vec<String> = (0..20).map(|_| Uuid::now_v7().to_string()).collect();
    for n in 0..EVENTS {
        if n == EVENTS / 3 {
            stack.wire().send(&order_of(&deadly));
        }
        stack.wire().send(&order_of(&users[usize::try_from(n).unwrap() % users.len()]));
    }
    let blocked = "SELECT client_port FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
    let mut deaths = 0;
    let dead = || stack.wire().queue(DEAD).unwrap().ready;
    while dead() == 0 {
        let mut victim = None;
        wait_until("one was stuck, or it was dead-lettered", seconds(20), || {
            let ports: Vec<i32> = db.column(blocked, &[&pid]);
            victim = ports.first().and_then(|port| owner_of(*port, &processes));
            victim.is_some() || dead() > 0
        });
        let Some(victim) = victim else { break };
        victim.kill();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
        db.column::<bool>(end, &[&pid]);
        deaths += 1;
        assert!(deaths < 60, "it is delivered for ever");
        processes.push(stack.launch(LISTENER));
    }
    wait_until("all others were counted", seconds(60), || counted(&db) == EVENTS);
    assert_eq!((dead(), counted(&db)), (1, EVENTS), "one is dead-lettered, and the others are applied once");
    let heard: Vec<Value> = processes.iter().flat_map(|process| process.events("event handled")).collect();
    // A process may die between a commit and its acknowledgement.
    assert!(heard.iter().all(|event| event["status"] == "applied" || event["status"] == "repeated"), "{heard:?}");
    let most = heard.iter().map(|event| event["deliveries"].as_i64().unwrap()).max().unwrap();
    eprintln!("{deaths} deaths; an innocent event was delivered {most} times at most");
    assert!(most <= FEW, "an innocent event was delivered {most} times");
    holder.execute("ROLLBACK");
}

#[test]
fn the_relay_is_notified_after_the_commit_and_not_by_a_trigger() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    person.place("told");
    let db = stack.orders_db();
    let said =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orders-create' AND query = 'NOTIFY outbox'";
    wait_until("the relay was notified", seconds(5), || db.value::<i64>(said, &[]) == 1);
    let triggers: Vec<String> =
        db.column("SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'outbox'::regclass AND NOT tgisinternal", &[]);
    assert_eq!(triggers, Vec::<String>::new());
}
