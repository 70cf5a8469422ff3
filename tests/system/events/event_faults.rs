//! Events survive the death of any process on their way, and those that cannot be handled become dead letters.

use serde_json::Value;
use system_tests::raw_amqp::{Properties, long, nested, short};
use system_tests::stack::Person;
use system_tests::wait::seconds;
use system_tests::{Message, RawAmqp, Servers, Signal, Sql, Stack, wait_for, wait_until};
use uuid::Uuid;

use crate::events::UNPUBLISHED;
use crate::events::lock::Lock;

/// Waits until every profile counts exactly the orders that there are.
#[track_caller]
fn assert_every_order_counts(stack: &Stack<'_>, people: &[Person]) {
    let orders = stack.orders_db();
    for person in people {
        let placed: i64 = orders.value("SELECT count(*) FROM orders WHERE user_id = $1", &[&person.id]);
        let spent: f64 =
            orders.value("SELECT coalesce(sum(price), 0)::float8 FROM orders WHERE user_id = $1", &[&person.id]);
        wait_until(&format!("{placed} orders were counted"), seconds(30), || {
            person.get("/users/profile").send().json()["orderCount"] == placed
        });
        let profile = person.get("/users/profile").send().expect(200).json();
        assert!((profile["totalSpent"].as_f64().unwrap() - spent).abs() < 0.001, "{profile} {spent}");
    }
    wait_until("everything was published", seconds(10), || orders.value::<i64>(UNPUBLISHED, &[]) == 0);
    for queue in ["users.on_order_created", "users.on_order_created.dead"] {
        wait_until(&format!("{queue} was empty"), seconds(10), || stack.wire().queue(queue).unwrap().ready == 0);
    }
}

const ROUNDS: usize = 20;

#[test]
fn an_event_published_twice_by_a_killed_relay_counts_once() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    for n in 0..ROUNDS {
        stack.process("orders-relay").kill();
        person.place(&format!("order {n}"));
        let lock = Lock::on_marks(&stack.orders_url);
        stack.launch("orders-relay");
        // It has published, and may not mark it.
        wait_until("the relay waited", seconds(10), || lock.is_waited_for());
        stack.process("orders-relay").kill();
        lock.end_those_who_wait();
        lock.release();
        stack.launch("orders-relay");
    }
    assert_every_order_counts(&stack, &[person]);
    let repeated = || {
        let heard = stack.process("users-on-order-created").events("event handled");
        heard.iter().filter(|event| event["status"] == "repeated").count()
    };
    wait_until("each was delivered twice", seconds(10), || repeated() >= ROUNDS);
}

#[test]
fn a_listener_killed_as_it_commits_applies_each_event_once() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let inbox = stack.users_db();
    for n in 0..ROUNDS {
        let (known, listener) = (inbox.count("inbox"), stack.process("users-on-order-created"));
        person.place(&format!("order {n}"));
        wait_until("it was committed", seconds(10), || inbox.count("inbox") > known);
        listener.kill();
        stack.launch_worker("users-on-order-created");
    }
    assert_every_order_counts(&stack, &[person]);
}

#[test]
fn the_event_of_a_worker_killed_as_it_commits_is_published() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let orders = stack.orders_db();
    for n in 0..ROUNDS {
        let (known, worker) = (orders.count("orders"), stack.process("orders-create"));
        let request = person.ordering(&format!("order {n}")).send_in_background();
        wait_until("it was committed", seconds(10), || orders.count("orders") > known);
        worker.kill();
        stack.launch_worker("orders-create");
        request.wait().expect(201);
    }
    assert_eq!(orders.count("orders"), i64::try_from(ROUNDS).unwrap());
    assert_every_order_counts(&stack, &[person]);
}

#[test]
fn a_broker_killed_between_commit_and_publish_loses_no_event() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).with_events().alone().start();
    let people = [stack.register(), stack.register()];
    for _ in 0..2 {
        let placing: Vec<_> = people.iter().map(|person| person.ordering("x").send_in_background()).collect();
        servers.broker.server().kill();
        for request in placing {
            request.wait();
        }
        servers.broker.server().start();
        stack.wait_until_ready();
        for person in &people {
            person.place("y");
        }
    }
    assert_every_order_counts(&stack, &people);
}

#[test]
fn of_two_relays_one_publishes_and_the_other_takes_over() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    stack.launch_worker("orders-relay");
    let leads = |relay: &system_tests::Process| !relay.events("leading").is_empty();
    let leader =
        || wait_for("one relay led", seconds(15), || stack.all("orders-relay").into_iter().find(|it| leads(it)));
    let first = leader();
    for n in 0..10 {
        person.place(&format!("order {n}"));
    }
    assert_every_order_counts(&stack, std::slice::from_ref(&person));
    let published: usize = stack.all("orders-relay").iter().map(|relay| relay.events("published").len()).sum();
    assert_eq!(published, 10, "nothing is published by both");

    // A leader that hangs is disconnected by its database.
    first.signal(Signal::Freeze);
    let second = stack.all("orders-relay").into_iter().find(|relay| relay.pid() != first.pid()).unwrap();
    wait_until("the other relay led", seconds(20), || leads(&second));
    person.place("after the first");
    assert_every_order_counts(&stack, std::slice::from_ref(&person));
    first.signal(Signal::Cont);
    second.kill();
    wait_until("the first led again", seconds(20), || first.events("leading").len() == 2);
    person.place("after the second");
    assert_every_order_counts(&stack, &[person]);
}

#[test]
fn only_a_relay_can_lead_and_an_unpublishable_event_blocks_no_other() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let owner = stack.orders_db();
    let row = |name: &str, data: &str| {
        format!(
            "INSERT INTO outbox_pending (id, name, aggregate, owner, data)
             VALUES (gen_random_uuid(), '{name}', 'a', '{}', '{data}')",
            person.id
        )
    };
    if let Some(reader) = stack.account("orders-get") {
        let reader = Sql::open(&reader);
        assert_eq!(reader.refusal("LOCK TABLE relay_leadership IN EXCLUSIVE MODE").as_deref(), Some("42501"));
        // Locks that it may take give no leadership: the number that relays once used, and every other advisory lock.
        reader.execute("SELECT pg_advisory_lock(31371446158456832)");
        let writer = Sql::open(&stack.account("orders-create").unwrap());
        for name in ["x", "", "order.created; --", "user.registered", "order.Created", &"order.".repeat(60)] {
            assert_eq!(writer.refusal(&row(name, "{}")).as_deref(), Some("23514"), "{name}");
        }
        let relay = stack.process("orders-relay");
        relay.kill();
        stack.launch_worker("orders-relay");
        person.place("while somebody holds what he can");
        assert_every_order_counts(&stack, std::slice::from_ref(&person));
    }

    // However they got there.
    owner
        .execute("ALTER TABLE outbox_pending DROP CONSTRAINT outbox_pending_name, DROP CONSTRAINT outbox_pending_data");
    let long = format!("[{}1]", "1,".repeat(600_000));
    for (name, data) in [
        ("x", "{}"),
        ("order.unknown", "{}"),
        ("user.registered", "{}"),
        ("order.created", "no JSON"),
        ("order.created", &long),
    ] {
        owner.execute(&row(name, data));
    }
    owner.execute(&format!(
        "{}; UPDATE outbox_pending SET owner = repeat('o', 9000) WHERE data = '[7]'",
        row("order.created", "[7]")
    ));
    person.place("after all that");
    assert_every_order_counts(&stack, std::slice::from_ref(&person));
    let aside: Vec<String> = owner.column("SELECT error FROM outbox WHERE failed_at IS NOT NULL ORDER BY seq", &[]);
    assert_eq!(aside.len(), 6, "{aside:?}");
    let relay = stack.process("orders-relay");
    wait_until("the log tells of each", seconds(5), || {
        let logged = relay.events("an event cannot be published; it is set aside");
        logged.iter().map(|event| event["error"].as_str().unwrap()).collect::<Vec<_>>() == aside
    });
}

#[test]
fn an_event_that_always_fails_is_dead_lettered_after_its_retries() {
    let stack = Stack::plan().with_events().set("EVENTS_RETRY_MS", "50,100").start();
    let (poisoned, healthy) = (stack.register(), stack.register());
    let poison = format!(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.user_id = '{}' THEN RAISE EXCEPTION 'poisoned'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON order_statistics FOR EACH ROW EXECUTE FUNCTION poison()",
        poisoned.id
    );
    stack.users_db().execute(&poison);
    poisoned.place("poison");
    healthy.place("fine");
    let dead = || stack.wire().queue("users.on_order_created.dead").unwrap().ready;
    wait_until("the poisoned event was dead-lettered", seconds(15), || dead() == 1);
    let listener = stack.process("users-on-order-created");
    wait_until("its end was logged", seconds(5), || {
        listener.events("event handled").iter().any(|event| event["status"] == "buried")
    });
    let statuses: Vec<Value> = listener.events("event handled").iter().map(|event| event["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "put_off").count(), 2, "{statuses:?}");
    wait_until("the healthy one counted", seconds(10), || {
        healthy.get("/users/profile").send().expect(200).json()["orderCount"] == 1
    });
    assert_eq!(poisoned.get("/users/profile").send().expect(200).json()["orderCount"], 0);
}

#[test]
fn a_message_that_is_not_an_event_is_dead_lettered_at_once() {
    let stack = Stack::plan().with_events().start();
    let send = |name: &str, body: &str, id: &str| {
        stack.wire().send(&Message::new(name, body).through("events").without_reply().message_id(id));
    };
    let id = || Uuid::now_v7().to_string();
    send("order.created", "nonsense", &id());
    send("order.created", r#"{"pattern":"order.created","data":{"id":7}}"#, &id());
    send("order.created", r#"{"pattern":"order.created","data":{}}"#, "no uuid");
    send("user.registered", r#"{"pattern":"user.registered","data":[]}"#, &id());
    for (listener, count) in [("users.on_order_created", 3), ("orders.on_user_registered", 1)] {
        wait_until(&format!("{listener} had dead-lettered {count}"), seconds(10), || {
            stack.wire().queue(&format!("{listener}.dead")).unwrap().ready == count
        });
    }
    let listener = stack.process("users-on-order-created");
    wait_until("the field was named", seconds(5), || {
        let dead_lettered = listener.events("an event that cannot be decoded is dead-lettered");
        dead_lettered.iter().any(|event| event["error"] == "the field 'id' is not as the event's contract says")
    });
    let person = stack.register();
    person.place("the next");
    wait_until("the next one counted", seconds(10), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == 1
    });
}

/// Lists and tables of headers, as bytes.
fn list(values: &[Vec<u8>]) -> Vec<u8> {
    [b"A", &long(&values.concat())[..]].concat()
}

fn table(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entry = |(name, value): &(&str, Vec<u8>)| [short(name.as_bytes()), value.clone()].concat();
    [b"F", &long(&entries.iter().map(entry).collect::<Vec<_>>().concat())[..]].concat()
}

fn text(value: &str) -> Vec<u8> {
    [b"S", &long(value.as_bytes())[..]].concat()
}

#[test]
fn an_event_with_a_forged_x_death_is_dead_lettered_without_it() {
    const LISTENER: &str = "users.on_order_created";
    let stack = Stack::plan().with_events().start();
    let mut raw = RawAmqp::at(&stack.amqp);
    let dead = || stack.wire().queue(&format!("{LISTENER}.dead")).unwrap().ready;
    let body = br#"{"pattern":"order.created","data":{}}"#;
    let id = || Uuid::now_v7().to_string().into_bytes();
    let own = |reason: &str| ("reason", text(reason));
    let queue = |name: &str| ("queue", text(name));
    let sound = list(&[table(&[queue("elsewhere"), own("rejected"), ("count", [b"l", &[0; 8][..]].concat())])]);
    let forged = [
        b"V".to_vec(),
        text("x"),
        list(&[text("x")]),
        list(&[table(&[]), text("x")]),
        list(&[table(&[queue(LISTENER), own("rejected"), ("count", text("x"))])]),
        list(&[table(&[queue(LISTENER), own("delivery_limit"), ("count", list(&[]))])]),
        list(&[table(&[queue(&format!("{LISTENER}.dead")), own("expired")])]),
        list(&[table(&[("queue", b"V".to_vec()), ("reason", b"V".to_vec())])]),
        list(&[text(&"x".repeat(20_000))]),
        nested(40, true),
        nested(5_000, false),
    ];
    let mut dead_lettered = 0;
    for deaths in &forged {
        // By itself; with something that makes the message unreadable in another way; and behind one that is sound.
        let alone = Properties::default().header(b"x-death", deaths);
        let unreadable = alone.clone().text("owner", &"o".repeat(9_000));
        let first = alone.clone().header(b"x-death", &sound);
        for properties in [alone, unreadable, first] {
            raw.publish("events", b"order.created", &properties.message_id(&id()).encode(), body);
            dead_lettered += 1;
        }
        wait_until(&format!("{dead_lettered} were dead-lettered"), seconds(10), || dead() == dead_lettered);
    }
    // What the broker itself dead-letters still arrives.
    let large = Properties::default().text("owner", &"o".repeat(9_000)).header(b"x-death", &sound);
    raw.publish("events", b"order.created", &large.message_id(&id()).encode(), body);
    wait_until("the broker had dead-lettered one", seconds(10), || dead() == dead_lettered + 1);
    let person = stack.register();
    person.place("the next");
    wait_until("the next one counted", seconds(10), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == 1
    });
}

#[test]
fn only_the_event_that_crashes_its_listener_is_dead_lettered() {
    let stack = Stack::plan().with_events().start();
    let (deadly, innocent) = (stack.register(), stack.register());
    deadly.place("counts");
    assert_every_order_counts(&stack, std::slice::from_ref(&deadly));
    // Whoever touches this row is stuck, and then killed.
    let row = format!("SELECT FROM order_statistics WHERE user_id = '{}' FOR UPDATE", deadly.id);
    let lock = Lock::take(&stack.users_url, &row);
    deadly.place("deadly");
    innocent.place("innocent");
    let dead = || stack.wire().queue("users.on_order_created.dead").unwrap().ready;
    let mut deaths = 0;
    while dead() == 0 {
        let innocents_turn = || innocent.get("/users/profile").send().json()["orderCount"] == 1;
        wait_until("it was worked on, or was dead-lettered", seconds(20), || {
            lock.is_waited_for() || dead() > 0 || innocents_turn()
        });
        if dead() > 0 || innocents_turn() {
            break;
        }
        stack.process("users-on-order-created").kill();
        deaths += 1;
        assert!(deaths < 40, "it is delivered for ever");
        stack.launch_worker("users-on-order-created");
    }
    assert!(deaths > 3, "it was given up after {deaths} deaths");
    wait_until("it was dead-lettered", seconds(10), || dead() == 1);
    wait_until("the innocent one counted", seconds(10), || {
        innocent.get("/users/profile").send().expect(200).json()["orderCount"] == 1
    });
    lock.release();
    assert_eq!(deadly.get("/users/profile").send().expect(200).json()["orderCount"], 1);
}

#[test]
fn while_its_database_is_away_a_listener_waits_and_counts_no_attempt() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).with_events().set("EVENTS_RETRY_MS", "10").alone().start();
    let person = stack.register();
    servers.users.server().stop();
    person.place("meanwhile");
    let listener = stack.process("users-on-order-created");
    wait_until("the listener had tried", seconds(10), || listener.events("cannot reach the database").len() > 2);
    servers.users.server().start();
    wait_until("the user service was back", seconds(10), || person.get("/users/profile").send().status == 200);
    assert_every_order_counts(&stack, &[person]);
    assert!(listener.events("event handled").iter().all(|event| event["attempt"] == 1));
}

#[test]
fn the_outbox_and_the_inbox_are_pruned() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    person.place("old");
    assert_every_order_counts(&stack, std::slice::from_ref(&person));
    stack.orders_db().execute("UPDATE outbox SET published_at = now() - interval '8 days'");
    stack.users_db().execute("UPDATE inbox SET applied_at = now() - interval '31 days'");
    // Both are looked at when a process begins, and every minute.
    for name in ["orders-relay", "users-on-order-created"] {
        stack.process(name).kill();
        stack.launch_worker(name);
    }
    wait_until("the outbox was empty", seconds(10), || stack.orders_db().count("outbox") == 0);
    person.place("new");
    assert_every_order_counts(&stack, std::slice::from_ref(&person));
    assert_eq!(stack.users_db().count("inbox"), 1);
    assert_eq!(person.orders().len(), 2);
}
