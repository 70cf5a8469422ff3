//! A copy without its database takes no work: if one of two loses it, clients do not notice.

use std::thread;

use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Process, Proxy, Stack, wait_until};

const LEAVES: &str = "no database: leaving requests to the other copies";
const REFUSES: &str = "no database, and no other copy: refusing requests";
const WORKS: &str = "the database is back: taking requests again";

fn port(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap()
}

fn has_said(process: &Process, message: &str) -> usize {
    process.events(message).len()
}

/// Calls it from several threads; the statuses.
fn many(calls: usize, call: impl Fn(usize) -> u16 + Sync) -> Vec<u16> {
    const CLIENTS: usize = 8;
    thread::scope(|scope| {
        let call = &call;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || (0..calls / CLIENTS).map(|n| call(n * CLIENTS + client)).collect::<Vec<_>>())
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn with_one_of_two_copies_cut_off_from_its_database_every_request_succeeds() {
    let stack = Stack::start();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("x")["id"].as_str().unwrap());
    let read = |_| person.get(&path).send().status;
    let proxy = Proxy::to(port(&stack.orders_url));

    // A copy that starts without a database takes no requests.
    proxy.cut();
    let reader = stack.launch_through("orders-get", &proxy);
    wait_until("it left requests to the other", seconds(10), || has_said(&reader, LEAVES) == 1);
    assert_eq!(many(200, read), [200; 200]);
    assert_eq!(has_said(&reader, "handled"), 0);
    proxy.mend();
    wait_until("it worked", seconds(10), || has_said(&reader, WORKS) == 1);
    stack.wait_for_consumers("orders.get", 2);
    assert_eq!(many(80, read), [200; 80]);
    assert!(has_said(&reader, "handled") > 0);

    // One that loses it gives back what it has.
    let cutting = || {
        thread::sleep(system_tests::wait::millis(30)); // into the middle of the reading; the test holds whenever it comes
        proxy.cut();
    };
    let statuses = thread::scope(|scope| {
        scope.spawn(cutting);
        many(400, read)
    });
    assert_eq!(statuses, [200; 400]);
    wait_until("it left requests to the other", seconds(10), || has_said(&reader, LEAVES) == 2);
    assert_eq!(many(200, read), [200; 200]);
    stack.wait_for_consumers("orders.get", 1);

    // When no other copy is left it refuses requests, and works again as soon as it can.
    let healthy = stack.all("orders-get").into_iter().find(|process| process.pid() != reader.pid()).unwrap();
    healthy.stop(seconds(10));
    wait_until("it refused requests", seconds(10), || has_said(&reader, REFUSES) == 1);
    wait_until("callers were refused", seconds(5), || person.get(&path).send().code() == "database_unavailable");
    let refused = problem(&person.get(&path).send(), 503, "database_unavailable");
    let logged = || {
        let events = reader.events("a request failed on our side");
        events.iter().filter(|event| event["request_id"] == refused["requestId"]).cloned().collect::<Vec<_>>()
    };
    wait_until("the cause was logged", seconds(5), || logged().len() == 1);
    assert!(logged()[0]["error"].as_str().unwrap().contains("usable connection"), "{:?}", logged());
    // A second copy gets all requests.
    let helper = stack.launch_worker("orders-get");
    wait_until("the other served", seconds(10), || read(0) == 200);
    assert_eq!(many(80, read), [200; 80]);
    helper.stop(seconds(10));
    proxy.mend();
    wait_until("it worked again", seconds(15), || read(0) == 200);
}

#[test]
fn a_write_takes_effect_once_when_one_of_two_copies_loses_its_database() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let (orders, users) = (Proxy::to(port(&stack.orders_url)), Proxy::to(port(&stack.users_url)));
    let writer = stack.launch_through("orders-create", &orders);
    let listener = stack.launch_through("users-on-order-created", &users);
    stack.wait_for_consumers("orders.create", 2);
    stack.wait_for_consumers("users.on_order_created", 2);
    for _ in 0..3 {
        let before = has_said(&writer, LEAVES);
        let statuses = thread::scope(|scope| {
            scope.spawn(|| {
                orders.cut();
                users.cut();
            });
            many(80, |n| person.ordering(&format!("order {n}")).send().status)
        });
        // 504 for what was in the hands of the database just then; nothing is refused.
        assert!(statuses.iter().all(|status| matches!(status, 201 | 504)), "{statuses:?}");
        wait_until("it left requests to the other", seconds(10), || has_said(&writer, LEAVES) > before);
        assert_eq!(many(40, |n| person.ordering(&format!("calm {n}")).send().status), [201; 40]);
        orders.mend();
        users.mend();
        stack.wait_for_consumers("orders.create", 2);
    }
    let placed = stack.orders_db().count("orders");
    wait_until("every order counted, and once", seconds(30), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == placed
    });
    assert_eq!(stack.wire().queue("users.on_order_created.dead").unwrap().ready, 0);
    drop(listener);
}
