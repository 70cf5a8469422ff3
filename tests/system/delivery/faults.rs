//! Processes and servers are killed, stopped and restarted: the system loses nothing and recovers by itself.

use system_tests::http::Pending;
use system_tests::problem::problem;
use system_tests::wait::{millis, seconds};
use system_tests::{Answer, Person, Servers, Signal, Stack, wait_for, wait_until};

/// Every row was answered 201, and every 201 has its row.
#[track_caller]
fn assert_orders(stack: &Stack<'_>, answers: Vec<Answer>) {
    let mut answered: Vec<String> =
        answers.into_iter().map(|answer| answer.expect(201).json()["id"].as_str().unwrap().to_owned()).collect();
    answered.sort_unstable();
    assert_eq!(stack.orders_db().column::<String>("SELECT id::text FROM orders ORDER BY id::text", &[]), answered);
}

#[test]
fn the_request_of_a_killed_worker_is_finished_by_another() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    let hold = stack.hold_orders();
    // The broker deals them out in turn: one each.
    let requests: Vec<_> = (0..2).map(|n| person.ordering(&format!("held {n}")).send_in_background()).collect();
    hold.wait_for(2);
    let victim = stack.all("orders-create").remove(0);
    victim.kill();
    // The survivor has taken over what the victim had: each of its statements waits for the victim's half done one.
    stack.wait_for_consumers("orders.create", 1);
    wait_until("nothing was left in the queue", seconds(5), || stack.wire().queue("orders.create").unwrap().ready == 0);
    hold.release();
    assert_orders(&stack, requests.into_iter().map(Pending::wait).collect());
    let survivor = stack.process("orders-create");
    // Unless the victim had something in hand, this has shown nothing.
    let took_over = || survivor.events("handled").iter().any(|event| event["redelivered"] == true);
    wait_until("the survivor had logged what it took over", seconds(2), took_over);
}

#[test]
fn the_request_of_a_killed_lone_worker_is_finished_by_its_successor() {
    let stack = Stack::start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let request = person.ordering("inherited").send_in_background();
    hold.wait_for(1);
    stack.process("orders-create").kill();
    stack.launch_worker("orders-create");
    hold.release();
    assert_orders(&stack, vec![request.wait()]);
}

#[test]
fn a_registration_survives_its_worker() {
    let stack = Stack::start();
    let hold = system_tests::HeldInserts::inserts(&stack.users_url, "users");
    let form = stack.form();
    let request = stack.http.post("/users/register").json(&form).send_in_background();
    hold.wait_for(1);
    stack.process("users-register").kill();
    stack.launch_worker("users-register");
    hold.release();
    let signed_in = request.wait().expect(201).json();
    stack.register_secrets_of(&signed_in);
    let token = signed_in["tokens"]["access_token"].as_str().unwrap();
    let profile = stack.http.get("/users/profile").token(token).send().expect(200).json();
    assert_eq!(profile["id"], signed_in["user"]["id"]);
    assert_eq!(stack.users_db().count("users"), 1);
}

#[test]
fn a_stopping_worker_finishes_its_requests_and_takes_no_new_ones() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let requests: Vec<_> = (0..2).map(|n| person.ordering(&format!("held {n}")).send_in_background()).collect();
    hold.wait_for(2);
    let workers = stack.all("orders-create");
    for worker in &workers {
        worker.signal(Signal::Term);
    }
    stack.wait_until_unserved("orders.create");
    problem(&person.ordering("refused").send(), 503, "service_unavailable");
    assert!(workers.iter().all(|worker| worker.is_running()), "each still has a request");
    hold.release();
    assert_orders(&stack, requests.into_iter().map(Pending::wait).collect());
    assert!(workers.iter().all(|worker| worker.wait(seconds(5)).success()));
}

#[test]
fn a_worker_that_stops_under_load_loses_no_request() {
    let stack = Stack::plan().copies("orders-create", 2).alone().start();
    let person = stack.register();
    let ordering = |n: usize| (0..60).map(|m| person.ordering(&format!("{n}/{m}")).send()).collect::<Vec<_>>();
    let answers = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6).map(|n| scope.spawn(move || ordering(n))).collect();
        let db = stack.orders_db(); // kept: connecting takes long beside so much work
        for _ in 0..3 {
            let before = db.count("orders");
            wait_until("orders went through", seconds(5), || db.count("orders") > before + 20);
            let veteran = stack.all("orders-create").remove(0);
            stack.launch_worker("orders-create");
            assert!(veteran.stop(seconds(10)).success());
        }
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert_orders(&stack, answers);
}

#[test]
fn a_stopping_gateway_answers_the_requests_that_it_has() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let requests: Vec<_> = (0..2).map(|n| person.ordering(&format!("held {n}")).send_in_background()).collect();
    hold.wait_for(2);
    let gateway = stack.process("gateway");
    gateway.signal(Signal::Term);
    let closed = || std::net::TcpStream::connect(("127.0.0.1", stack.port)).is_err();
    wait_until("the gateway took no more connections", seconds(2), closed);
    assert!(gateway.is_running(), "it still owes answers");
    hold.release();
    assert_orders(&stack, requests.into_iter().map(Pending::wait).collect());
    assert!(gateway.wait(seconds(5)).success());
}

#[test]
fn a_gateway_with_idle_connections_stops_at_once() {
    let stack = Stack::start();
    let person = stack.register();
    let _kept_alive: Vec<_> = (0..4).map(|_| system_tests::raw::Raw::connect(stack.port)).collect();
    person.get("/orders").send().expect(200);
    assert!(stack.process("gateway").stop(seconds(2)).success());
}

/// The system's answer while a server is away.
#[track_caller]
fn assert_honest(answer: &Answer, codes: &[&str]) {
    let (status, code) = answer.outcome();
    assert!(codes.contains(&code.as_str()), "{status} {}", answer.body);
    problem(answer, status, &code);
}

#[test]
fn the_system_recovers_when_the_broker_returns() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).alone().start();
    let person = stack.register();
    let kept = person.place("before");
    let pids = stack.pids();

    servers.broker.server().stop();
    let order = || person.ordering("while it is away").send();
    wait_until("the gateway had noticed", seconds(2), || order().outcome() == (503, "broker_unavailable".into()));
    for _ in 0..5 {
        let answer = order();
        assert_honest(&answer, &["broker_unavailable"]);
        assert!(answer.took < millis(500), "{:?}", answer.took);
        assert_honest(&person.get("/orders").send(), &["broker_unavailable"]);
    }
    assert_eq!(stack.readiness().unwrap().status, 503);
    stack.admin.get("/livez").send().expect(200);

    let opened = servers.broker.start_and_time();
    let credentials = serde_json::json!({ "email": person.email, "password": person.password });
    let served = wait_for("every pattern was served again", seconds(20), || {
        let ordered = person.ordering("after").send().status == 201;
        let signed_in = stack.http.post("/users/login").json(&credentials).send().status == 200;
        let read = person.get("/orders").send().status == 200 && person.get("/users/profile").send().status == 200;
        let path = format!("/orders/{}", kept["id"].as_str().unwrap());
        (ordered && signed_in && read && person.get(&path).send().status == 200).then(std::time::Instant::now)
    });
    let took = served.duration_since(opened);
    assert!(took < seconds(3), "it took {took:?} after the port had opened");
    assert_eq!(stack.pids(), pids, "nothing was restarted");
    stack.wait_until_ready();
    let titles: Vec<String> = stack.orders_db().column("SELECT title FROM orders", &[]);
    assert!(titles.iter().all(|title| title != "while it is away"), "{titles:?}");
}

#[test]
fn the_system_survives_a_killed_broker() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).alone().start();
    let person = stack.register();
    let pids = stack.pids();
    let hold = stack.hold_orders();
    let in_hand = person.ordering("in hand").send_in_background();
    hold.wait_for(1);
    servers.broker.server().kill();
    // It is being worked on, and its answer has no way back.
    assert_honest(&in_hand.wait(), &["outcome_unknown"]);
    hold.release();
    wait_until("it was noticed", seconds(2), || person.ordering("refused").send().code() == "broker_unavailable");
    let opened = servers.broker.start_and_time();
    wait_until("orders were taken again", seconds(20), || person.ordering("after").send().status == 201);
    assert!(opened.elapsed() < seconds(3), "it took {:?} after the port had opened", opened.elapsed());
    assert_eq!(stack.pids(), pids);
    let titles: Vec<String> = stack.orders_db().column("SELECT title FROM orders ORDER BY created_at", &[]);
    assert_eq!(titles, ["in hand", "after"]);
}

/// While a database is away, its service says so at once, and the other service is not affected.
#[track_caller]
fn a_database_goes_and_comes(servers: &Servers, service: &str, use_it: impl Fn(&Stack<'_>, &Person) -> Answer) {
    let stack = Stack::on(servers).alone().start();
    let person = stack.register();
    let pids = stack.pids();
    assert!(use_it(&stack, &person).status < 300);
    let database = if service == "users" { servers.users.server() } else { servers.orders.server() };

    database.stop();
    let down = (503, "database_unavailable".to_owned());
    wait_until("the workers had noticed", seconds(3), || {
        let answer = use_it(&stack, &person);
        assert_honest(&answer, &["database_unavailable", "outcome_unknown"]);
        answer.outcome() == down
    });
    for _ in 0..5 {
        let answer = use_it(&stack, &person);
        assert_eq!(answer.outcome(), down);
        assert!(answer.took < seconds(1), "{:?}", answer.took);
    }
    let other = if service == "users" { person.get("/orders").send() } else { person.get("/users/profile").send() };
    other.expect(200);

    database.start();
    wait_until("the service was back", seconds(5), || use_it(&stack, &person).status < 300);
    assert_eq!(stack.pids(), pids, "nothing was restarted");
}

#[test]
fn the_order_service_recovers_when_its_database_returns() {
    let servers = Servers::fragile();
    a_database_goes_and_comes(&servers, "orders", |_, person| person.ordering("x").send());
    a_database_goes_and_comes(&servers, "orders", |_, person| person.get("/orders").send());
}

#[test]
fn the_user_service_recovers_when_its_database_returns() {
    let servers = Servers::fragile();
    a_database_goes_and_comes(&servers, "users", |stack, person| {
        let credentials = serde_json::json!({ "email": person.email, "password": person.password });
        stack.http.post("/users/login").json(&credentials).send()
    });
    a_database_goes_and_comes(&servers, "users", |_, person| person.get("/users/profile").send());
}

#[test]
fn a_database_that_dies_during_an_order_leaves_its_outcome_unknown() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).alone().start();
    let person = stack.register();
    let hold = stack.hold_orders();
    let request = person.ordering("caught").send_in_background();
    hold.wait_for(1);
    servers.orders.server().kill();
    problem(&request.wait(), 504, "outcome_unknown");
    servers.orders.server().start();
    wait_until("orders were taken again", seconds(5), || person.ordering("after").send().status == 201);
    assert_eq!(stack.orders_db().column::<String>("SELECT title FROM orders", &[]), ["after"]);
}

#[test]
fn processes_that_start_before_their_servers_wait_for_them() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).without("orders-create").without("orders-list").alone().start();
    let person = stack.register();
    servers.orders.server().stop();
    // With its database away a worker serves all the same, and says what is the matter.
    stack.launch_worker("orders-create");
    let code = || person.ordering("early").send().code();
    wait_until("the worker answered", seconds(3), || code() == "database_unavailable");
    servers.broker.server().stop();
    stack.launch("orders-list");
    servers.orders.server().start();
    servers.broker.server().start();
    stack.wait_until_ready();
    person.place("late");
    assert_eq!(person.orders().len(), 1);
}
