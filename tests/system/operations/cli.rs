//! The operator's tool: dead letters are shown, redriven and dropped, the topology is compared, an order is traced.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use system_tests::environment::{command, program, scratch};
use system_tests::stack::Person;
use system_tests::wait::{millis, seconds};
use system_tests::{Message, Process, Servers, Signal, Stack, Wire, wait_until};
use uuid::Uuid;

const LISTENER: &str = "users.on_order_created";
const DEAD: &str = "users.on_order_created.dead";

/// A command's exit code, output and error output.
type Said = (Option<i32>, String, String);

fn run(mut command: Command, arguments: &[&str]) -> Said {
    let output = command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn bus(stack: &Stack<'_>, arguments: &str) -> Said {
    run(stack.command("signalbox"), &arguments.split(' ').collect::<Vec<_>>())
}

/// The JSON output of a command that must succeed.
#[track_caller]
fn told(stack: &Stack<'_>, arguments: &str) -> Value {
    let (code, said, complained) = bus(stack, &format!("{arguments} --json"));
    assert_eq!((code, complained.as_str()), (Some(0), ""), "{said}");
    serde_json::from_str(&said).unwrap()
}

/// A system in which no order can be counted until the test repairs it.
fn poisoned() -> Stack<'static> {
    let stack = Stack::plan().with_events().set("EVENTS_RETRY_MS", "50,100").start();
    stack.users_db().execute(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;
         CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON order_statistics FOR EACH ROW EXECUTE FUNCTION poison()",
    );
    stack
}

fn mend(stack: &Stack<'_>) {
    stack.users_db().execute("DROP TRIGGER poison ON order_statistics");
}

/// Makes the events of this many orders dead letters, one after the other.
#[track_caller]
fn dead_letter_orders(stack: &Stack<'_>, person: &Person, orders: u32) {
    let before = dead(stack);
    for n in 0..orders {
        person.place(&format!("secret title {n}"));
    }
    wait_until("all events were dead-lettered", seconds(30), || dead(stack) == before + orders);
}

fn dead(stack: &Stack<'_>) -> u32 {
    stack.wire().queue(DEAD).unwrap().ready
}

#[track_caller]
fn wait_for_count(person: &Person, orders: u32) {
    wait_until(&format!("the profile showed {orders} orders"), seconds(15), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == orders
    });
}

fn ids(shown: &Value) -> Vec<String> {
    shown["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn dead_messages_are_counted_and_shown_and_stay_where_they_are() {
    let stack = poisoned();
    let person = stack.register();
    dead_letter_orders(&stack, &person, 3);
    let listening = told(&stack, "dead list")["listeners"][0].clone();
    assert_eq!(
        listening,
        json!({
            "listener": LISTENER, "event": "order.created", "dead": 3, "waiting": 0, "consumers": 1,
            "retrying": [{ "afterMs": 50, "waiting": 0 }, { "afterMs": 100, "waiting": 0 }],
        })
    );
    let shown = told(&stack, &format!("dead show {LISTENER}"));
    let events = stack.orders_db().column::<String>("SELECT id::text FROM outbox ORDER BY seq", &[]);
    assert_eq!((ids(&shown), &shown["dead"]), (events.clone(), &json!(3)), "in the order in which they were told");
    let mut message = shown["messages"][0].clone();
    assert!(message["ageSeconds"].take().as_u64().unwrap() < 60);
    let request_id = stack.orders_db().column::<String>("SELECT request_id FROM outbox ORDER BY seq", &[]).remove(0);
    let error = "a statement failed: db error: ERROR: poisoned (SQLSTATE P0001)";
    assert_eq!(
        message,
        json!({
            "id": events[0], "event": "order.created", "reason": "the handler failed", "attempts": 3,
            "firstError": error, "lastError": error, "requestId": request_id, "ageSeconds": null,
        })
    );
    // Looking changes nothing, however often, and however little is looked at.
    assert_eq!(ids(&told(&stack, &format!("dead show {DEAD} --limit 2"))), events[..2]);
    for _ in 0..30 {
        assert_eq!(ids(&told(&stack, &format!("dead show {DEAD}"))), events);
    }
    assert_eq!(dead(&stack), 3);

    let (_, said, _) = bus(&stack, &format!("dead show {LISTENER}"));
    assert!(said.contains(&events[2]) && said.contains("poisoned") && !said.contains("secret title"), "{said}");
    let (_, said, _) = bus(&stack, &format!("dead show {LISTENER} --limit 1 --body"));
    assert!(said.contains("secret title 0") && said.contains("the first 1"), "{said}");
    assert!(bus(&stack, "dead list").1.contains(LISTENER));
}

#[test]
fn a_message_that_is_not_an_event_is_shown_without_harm() {
    let stack = Stack::plan().with_events().start();
    let message = Message::new(DEAD, "\u{1b}[2J").without_reply().message_id("\u{1b}[2J");
    stack.wire().send(&message.header("reason", "\u{1b}[2J"));
    wait_until("it was dead", seconds(5), || dead(&stack) == 1);
    let (code, said, _) = bus(&stack, &format!("dead show {LISTENER} --body"));
    assert!(code == Some(0) && !said.contains('\u{1b}') && said.contains("\\u{1b}[2J"), "{said}");
    let shown = told(&stack, &format!("dead show {LISTENER}"));
    assert_eq!(shown["messages"][0]["event"], Value::Null);
}

#[test]
fn a_redrive_after_the_fix_has_exactly_one_effect() {
    let stack = poisoned();
    let person = stack.register();
    dead_letter_orders(&stack, &person, 4);
    let events = ids(&told(&stack, &format!("dead show {LISTENER}")));

    let redrive = |options: &str| told(&stack, &format!("dead redrive {LISTENER}{options}"));
    let counted = json!({
        "listener": LISTENER, "done": "counted", "messages": 4, "notFound": [], "interrupted": false,
    });
    assert_eq!(redrive(" --dry-run"), counted);
    assert_eq!(ids(&told(&stack, &format!("dead show {LISTENER}"))), events, "a dry run leaves them in place");

    // While the cause persists they return to the dead-letter queue; each is moved once, without its failure headers.
    assert_eq!(redrive("")["messages"], 4);
    wait_until("all were dead-lettered again", seconds(10), || dead(&stack) == 4);
    assert_eq!(told(&stack, &format!("dead show {LISTENER}"))["messages"][0]["attempts"], 3);

    mend(&stack);
    let one = redrive(&format!(" --id {}", events[2].to_uppercase()));
    assert_eq!((&one["done"], &one["messages"]), (&json!("redriven"), &json!(1)));
    wait_for_count(&person, 1);
    assert!(!ids(&told(&stack, &format!("dead show {LISTENER}"))).contains(&events[2]));
    let (code, said, _) = bus(&stack, &format!("dead redrive {LISTENER} --json --id {}", events[2]));
    let none: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &none["messages"], &none["notFound"]), (Some(1), &json!(0), &json!([events[2]])));

    assert_eq!(redrive(" --limit 1")["messages"], 1);
    wait_for_count(&person, 2);
    assert_eq!(redrive("")["messages"], 2);
    wait_for_count(&person, 4);
    assert_eq!(redrive("")["messages"], 0);
    assert_eq!(dead(&stack), 0);
}

#[test]
fn a_rate_bounds_a_redrive() {
    let stack = poisoned();
    let person = stack.register();
    dead_letter_orders(&stack, &person, 6);
    mend(&stack);
    let begun = Instant::now();
    assert_eq!(told(&stack, &format!("dead redrive {LISTENER} --rate 10"))["messages"], 6);
    assert!(begun.elapsed() >= millis(500), "{:?}", begun.elapsed());
    wait_for_count(&person, 6);
}

#[test]
fn a_redrive_that_is_killed_or_interrupted_loses_none_and_doubles_no_effect() {
    const ORDERS: u32 = 40;
    let stack = poisoned();
    let person = stack.register();
    dead_letter_orders(&stack, &person, ORDERS);
    mend(&stack);
    let begin = |log: &str| {
        let mut command = stack.command("signalbox");
        command.args(["dead", "redrive", LISTENER, "--rate", "20", "--json"]);
        let log = scratch().join("logs").join(format!("{}-{log}", std::process::id()));
        let _ = std::fs::remove_file(&log);
        Process::spawn("signalbox", &mut command, &log, Signal::Int).unwrap()
    };
    let count = || person.get("/users/profile").send().expect(200).json()["orderCount"].as_u64().unwrap();

    let redrive = begin("killed");
    wait_until("some had moved", seconds(10), || count() >= 5);
    redrive.kill();
    let rest = || u64::from(dead(&stack)) + count();
    wait_until("the others were back", seconds(10), || rest() >= u64::from(ORDERS));
    assert!(count() < u64::from(ORDERS), "it was not killed in the middle");

    let before = count();
    let redrive = begin("interrupted");
    wait_until("some more had moved", seconds(10), || count() >= before + 3);
    redrive.signal(Signal::Int);
    assert_eq!(redrive.wait(seconds(5)).code(), Some(1));
    let done: Value = serde_json::from_str(&redrive.log()).unwrap_or_else(|_| panic!("{}", redrive.log()));
    assert_eq!(done["interrupted"], true);
    wait_until("the others were back", seconds(10), || rest() >= u64::from(ORDERS));

    told(&stack, &format!("dead redrive {LISTENER}"));
    wait_for_count(&person, ORDERS);
    let quiet = || [LISTENER, DEAD].iter().all(|queue| stack.wire().queue(queue).unwrap().ready == 0);
    wait_until("nothing waited", seconds(10), quiet);
    assert_eq!((count(), stack.users_db().count("inbox")), (u64::from(ORDERS), i64::from(ORDERS)));
}

#[test]
fn dead_messages_are_dropped_only_after_confirmation() {
    let stack = poisoned();
    let person = stack.register();
    dead_letter_orders(&stack, &person, 4);
    let events = ids(&told(&stack, &format!("dead show {LISTENER}")));
    let (code, _, complained) = bus(&stack, &format!("dead drop {LISTENER}"));
    assert!(code == Some(64) && complained.contains("--yes"), "{complained}");
    wait_until("nothing was confirmed or dropped", seconds(5), || dead(&stack) == 4);

    let dropped = told(&stack, &format!("dead drop {DEAD} --yes --id {}", events[1]));
    let expected =
        json!({ "listener": LISTENER, "done": "dropped", "messages": 1, "notFound": [], "interrupted": false });
    assert_eq!(dropped, expected);
    assert_eq!(told(&stack, &format!("dead drop {DEAD} --yes --limit 1"))["messages"], 1);
    let left = ids(&told(&stack, &format!("dead show {LISTENER}")));
    assert!(left.len() == 2 && !left.contains(&events[1]), "{left:?}");
    assert_eq!(told(&stack, &format!("dead drop {DEAD} --yes"))["messages"], 2);
    assert_eq!(dead(&stack), 0);
}

/// A vhost without anything in it.
struct Vhost {
    name: String,
    url: String,
}

impl Vhost {
    fn make() -> Self {
        let name = format!("operator_{}", Uuid::now_v7().simple());
        Self { url: Servers::shared().broker.make_vhost(&name), name }
    }

    fn topology(&self, deed: &str) -> (Option<i32>, Value) {
        let mut command = command(program("signalbox"));
        command.env("AMQP_URL", &self.url).env("AMQP_MANAGEMENT_URL", Servers::shared().broker.api().base());
        let (code, said, complained) = run(command, &["topology", deed, "--json"]);
        (code, serde_json::from_str(&said).unwrap_or_else(|_| panic!("{complained}")))
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        Servers::shared().broker.remove_vhost(&self.name);
    }
}

#[test]
fn missing_topology_is_reported_and_declared() {
    let vhost = Vhost::make();
    let (code, missing) = vhost.topology("check");
    assert!(missing["missing"].as_array().unwrap().contains(&json!("policy requests")), "{missing}");
    let names = |list: &Value| list.as_array().unwrap().len();
    assert_eq!((code, &missing["same"], &missing["different"]), (Some(1), &json!(0), &json!([])));
    for item in
        ["exchange events", "exchange patterns", "queue orders.create", "queue users.on_order_created.retry.1000ms"]
    {
        assert!(missing["missing"].as_array().unwrap().contains(&json!(item)), "{item}: {missing}");
    }
    assert!(Wire::open(&vhost.url).queue("orders.create").is_none(), "a check makes nothing");
    let (code, made) = vhost.topology("apply");
    assert_eq!((code, &made["made"], &made["missing"]), (Some(0), &missing["missing"], &json!([])));
    let (code, same) = vhost.topology("check");
    assert_eq!((code, same["same"].as_u64().unwrap()), (Some(0), names(&missing["missing"]) as u64));
    // The bindings are there too.
    let wire = Wire::open(&vhost.url);
    let event = Message::new("order.created", "{}").through("events").without_reply();
    wire.send(&event);
    wait_until("an event reached its listener", seconds(5), || wire.queue(LISTENER).unwrap().ready == 1);
}

#[test]
fn different_topology_is_reported_and_left_alone() {
    let vhost = Vhost::make();
    Wire::open(&vhost.url).make_queue(DEAD);
    let (code, report) = vhost.topology("check");
    assert_eq!((code, &report["different"][0]["item"]), (Some(1), &json!(format!("queue {DEAD}"))));
    let how = report["different"][0]["how"].as_str().unwrap();
    assert!(how.contains("PRECONDITION_FAILED") || how.contains("inequivalent"), "{how}");
    let (code, report) = vhost.topology("apply");
    assert_eq!((code, report["different"].as_array().unwrap().len()), (Some(1), 1));
    let (code, report) = vhost.topology("check");
    assert_eq!((code, &report["missing"]), (Some(1), &json!([])), "all else was made");
}

#[test]
fn the_compared_topology_is_the_one_that_processes_declare() {
    let stack = Stack::plan().with_events().set("EVENTS_RETRY_MS", "70").start();
    let report = told(&stack, "topology check");
    assert_eq!((&report["missing"], &report["different"]), (&json!([]), &json!([])));
    assert!(bus(&stack, "topology check").1.contains("as declared"));
}

#[test]
fn the_status_shows_relays_and_unpublished_events() {
    let stack = Stack::plan().with_events().start();
    stack.register();
    let status = || told(&stack, "status");
    let relay =
        |report: &Value| report["relays"].as_array().unwrap().iter().find(|it| it["relay"] == "orders.relay").cloned();
    wait_until("all was well", seconds(15), || bus(&stack, "status --check").0 == Some(0));
    let report = status();
    let well = json!({
        "relay": "orders.relay", "leader": true, "standby": 0, "unpublished": 0, "oldestUnpublishedS": null, "setAside": 0,
    });
    assert_eq!(relay(&report), Some(well), "{report}");
    assert_eq!(report["databases"][0], json!({ "database": "orders", "reachable": true }));
    let standby = stack.launch("orders-relay");
    wait_until("one stood by", seconds(15), || relay(&status()).unwrap()["standby"] == 1);
    standby.stop(seconds(10));
    stack.process("orders-relay").stop(seconds(10));
    stack.register().place("x");
    wait_until("its end was seen", seconds(15), || {
        let relay = relay(&status()).unwrap();
        relay["leader"] == false && relay["unpublished"] == 1 && relay["oldestUnpublishedS"].is_number()
    });
    let (code, said, _) = bus(&stack, "status --check");
    assert!(code == Some(1) && said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

/// Waits until `signalbox why` reports this state of an event at its listener, and that the relay has marked the event
/// as published, if the outbox still has it: a fast listener applies it before.
#[track_caller]
fn wait_for_state(stack: &Stack<'_>, id: &str, state: &str) -> Value {
    let mut report = Value::Null;
    wait_until(&format!("{id} was {state}"), seconds(15), || {
        report = told(stack, &format!("why {id}"));
        let event = &report["events"][0];
        event["listeners"][0]["state"] == state && (event["publishedAt"].is_string() || event["recordedAt"].is_null())
    });
    report
}

#[test]
fn an_order_is_traced_by_any_of_its_ids() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let request = person.ordering("secret title").header("idempotency-key", "k-1").header("x-request-id", "my-request");
    let order = request.send().expect(201).json();
    person.place("another");
    let id = order["id"].as_str().unwrap();
    let report = wait_for_state(&stack, id, "applied");
    assert_eq!(report["order"], json!({ "id": id, "userId": person.id, "createdAt": order["createdAt"] }));
    assert_eq!(report["idempotencyKey"]["key"], "k-1");
    assert_eq!((&report["user"], &report["notSeenThrough"]), (&Value::Null, &json!([])));
    let [event] = report["events"].as_array().unwrap().as_slice() else { panic!("one event: {report}") };
    assert_eq!((&event["event"], &event["about"]), (&json!("order.created"), &json!(id)));
    assert_eq!((&event["owner"], &event["requestId"]), (&json!(person.id), &json!("my-request")));
    assert!(event["recordedAt"].is_string() && event["publishedAt"].is_string(), "{event}");
    let hearing = &event["listeners"][0];
    assert_eq!((&hearing["listener"], &hearing["queue"]), (&json!(LISTENER), &Value::Null));
    assert!(hearing["appliedAt"].is_string());

    for other in ["my-request", event["id"].as_str().unwrap()] {
        let same = told(&stack, &format!("why {other}"));
        assert_eq!((&same["order"], &same["events"]), (&report["order"], &report["events"]), "{other}");
    }
    let user = told(&stack, &format!("why {}", person.id));
    assert_eq!((&user["user"]["id"], &user["order"]), (&json!(person.id), &Value::Null));
    let names: Vec<_> = user["events"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(names, ["user.registered", "order.created", "order.created"]);

    let (_, said, _) = bus(&stack, &format!("why {}", person.id));
    assert!(said.contains("applied") && said.contains("orders.on_user_registered"), "{said}");
    for secret in ["secret title", "Ann", person.email.as_str()] {
        assert!(!said.contains(secret) && !user.to_string().contains(secret), "{said}");
    }
}

#[test]
fn an_order_whose_event_is_dead_says_where_and_why() {
    let stack = poisoned();
    let person = stack.register();
    let order = person.place("x");
    let id = order["id"].as_str().unwrap();
    let report = wait_for_state(&stack, id, "dead");
    let queue = &report["events"][0]["listeners"][0]["queue"];
    assert_eq!((&queue["name"], &queue["attempts"]), (&json!(DEAD), &json!(3)));
    assert_eq!(queue["reason"], "the handler failed");
    assert!(queue["lastError"].as_str().unwrap().contains("poisoned"));
    assert!(bus(&stack, &format!("why {id}")).1.contains("dead-lettered, in users.on_order_created.dead"));

    // When the outbox has forgotten it, the dead queue has not.
    let event = report["events"][0]["id"].as_str().unwrap();
    stack.orders_db().execute("DELETE FROM outbox");
    let stray = told(&stack, &format!("why {event}"));
    assert_eq!(stray["events"][0]["recordedAt"], Value::Null);
    assert_eq!(stray["events"][0]["listeners"][0]["state"], "dead");
    mend(&stack);
    told(&stack, &format!("dead redrive {LISTENER}"));
    wait_for_state(&stack, event, "applied");
}

#[test]
fn an_event_without_a_relay_or_a_listener_is_pending() {
    let stack = Stack::start();
    let order = stack.register().place("x");
    let report = told(&stack, &format!("why {}", order["id"].as_str().unwrap()));
    assert_eq!(report["events"][0]["publishedAt"], Value::Null);
    assert_eq!(report["events"][0]["listeners"][0]["state"], "pending");
    for unknown in [Uuid::now_v7().to_string(), "my-request".into()] {
        let (code, said, complained) = bus(&stack, &format!("why {unknown}"));
        assert!(code == Some(1) && said.is_empty() && complained.contains(&unknown), "{said}{complained}");
    }
}

#[test]
fn wrong_usage_and_wrong_settings_differ_from_failures() {
    let stack = Stack::start();
    for (arguments, sentence) in [
        ("dead show users.login", "users.on_order_created, orders.on_user_registered"),
        ("dead redrive users.on_order_created --rate 0", "--rate"),
        ("dead show users.on_order_created --limit 0", "--limit"),
        ("dead", "Usage"),
        ("reboot", "reboot"),
    ] {
        let (code, said, complained) = bus(&stack, arguments);
        assert!(code == Some(64) && said.is_empty() && complained.contains(sentence), "{arguments}: {complained}");
    }
    for (variable, value, code) in
        [("EVENTS_RETRY_MS", "soon", 64), ("AMQP_URL", "nowhere", 64), ("AMQP_URL", "amqp://127.0.0.1:1/%2f", 69)]
    {
        let mut command = stack.command("signalbox");
        command.env(variable, value);
        let (ended, said, complained) = run(command, &["dead", "list"]);
        assert!(ended == Some(code) && said.is_empty() && complained.starts_with("error: "), "{complained}");
    }
    assert_eq!(bus(&stack, "--help").0, Some(0));
    // Without listeners there are no queues yet, and that is no failure.
    let list = told(&stack, "dead list");
    assert_eq!(list["listeners"][1]["dead"], Value::Null);
    assert_eq!(told(&stack, "dead show orders.on_user_registered")["messages"], json!([]));
    assert_eq!(told(&stack, "dead redrive orders.on_user_registered")["messages"], 0);
}

/// A value of a queue in the management API, once it is there: its figures are some seconds old.
#[track_caller]
fn of_queue(vhost: &Vhost, queue: &str, field: &str, wanted: &Value) {
    let path = format!("/api/queues/{}/{queue}", vhost.name);
    wait_until(&format!("{queue} had {field} {wanted}"), seconds(20), || {
        Servers::shared().broker.api().get(&path).send().json()[field] == *wanted
    });
}

#[test]
fn bounds_of_queues_are_policies_that_are_compared_and_set() {
    let vhost = Vhost::make();
    assert_eq!(vhost.topology("apply").0, Some(0));
    let wire = Wire::open(&vhost.url);
    // A stock client declares it plainly, before or after a worker does.
    wire.make_queue("orders.get");
    of_queue(&vhost, "orders.get", "policy", &json!("requests"));
    let bounds = json!({
        "max-length": 10_000, "max-length-bytes": 67_108_864, "message-ttl": 30_000, "overflow": "reject-publish",
        "dead-letter-exchange": "expired",
    });
    of_queue(&vhost, "orders.get", "effective_policy_definition", &bounds);
    of_queue(&vhost, DEAD, "policy", &json!("events"));
    let policy = format!("/api/policies/{}/requests", vhost.name);
    let changed = json!({ "pattern": "^orders", "apply-to": "queues", "definition": { "max-length": 1 } });
    assert_eq!(Servers::shared().broker.api().call("PUT", &policy).json(&changed).send().status, 204);
    let (code, report) = vhost.topology("check");
    assert_eq!((code, &report["different"][0]["item"]), (Some(1), &json!("policy requests")), "{report}");
    let (code, report) = vhost.topology("apply");
    assert_eq!((code, &report["made"]), (Some(0), &json!(["policy requests"])), "{report}");
    assert_eq!(vhost.topology("check").0, Some(0));
}

#[test]
fn a_queue_of_an_older_release_is_replaced_and_keeps_its_messages() {
    let vhost = Vhost::make();
    let wire = Wire::open(&vhost.url);
    wire.make_former_queue("orders.get");
    for n in 0..50 {
        wire.send(&Message::request("orders.get", &json!({ "n": n })).correlation_id(&n.to_string()).header("h", "v"));
    }
    let (code, report) = vhost.topology("check");
    let differs = report["different"].as_array().unwrap();
    assert!(code == Some(1) && differs.iter().any(|it| it["item"] == "queue orders.get"), "{report}");

    // While it has a consumer it is left alone.
    let worker = Wire::open(&vhost.url);
    let holds = worker.hold("orders.get");
    let (code, report) = vhost.topology("apply");
    let how = report["different"][0]["how"].as_str().unwrap_or_default();
    assert!(code == Some(1) && how.contains("stop them"), "{report}");
    drop((holds, worker));
    wait_until("the worker had gone", seconds(10), || {
        wire.queue("orders.get").is_some_and(|queue| queue.consumers == 0 && queue.ready == 50)
    });

    // What the broker says of messages that are worked on is some seconds old.
    of_queue(&vhost, "orders.get", "messages_unacknowledged", &json!(0));
    let (code, report) = vhost.topology("apply");
    let renewed = json!(["queue orders.get, with 50 messages"]);
    assert_eq!((code, &report["renewed"]), (Some(0), &renewed), "{report}");
    assert_eq!(wire.queue("orders.get").unwrap().ready, 50);
    assert!(wire.queue("orders.get.upgrade").is_none());
    Wire::open(&vhost.url).make_queue("orders.get");
    let taken = wire.take_message("orders.get").expect("a message waits");
    assert_eq!(taken.correlation_id.as_deref(), Some("0"), "in their order, with what travels beside them");
    assert_eq!(vhost.topology("check").0, Some(0));
}

#[test]
fn a_worker_uses_an_old_queue_as_it_is_and_says_what_to_do() {
    let stack = Stack::plan().without("orders-get").start();
    stack.wire().make_former_queue("orders.get");
    let worker = stack.launch_worker("orders-get");
    let person = stack.register();
    let order = person.place("x");
    assert_eq!(person.get(&format!("/orders/{}", order["id"].as_str().unwrap())).send().status, 200);
    assert!(worker.log().contains("signalbox topology apply"), "{}", worker.log());
}

/// The output at a terminal where a person types an answer. `script` provides the terminal.
fn at_a_terminal(stack: &Stack<'_>, arguments: &str, answer: &str) -> (Option<i32>, String) {
    use std::io::Write as _;
    let bus = stack.command("signalbox");
    let mut command = command("script");
    command.envs(bus.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let line = format!("{} {arguments}", program("signalbox").display());
    command.args(["-qec", &line, "/dev/null"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn exactly_what_was_shown_is_dropped() {
    let stack = Stack::plan().with_events().start();
    for n in 0..3 {
        stack.wire().send(&Message::new(DEAD, format!("{{\"n\":{n}}}")).without_reply());
    }
    wait_until("three without an id were dead", seconds(5), || dead(&stack) == 3);
    let (code, said) = at_a_terminal(&stack, &format!("dead drop {LISTENER} --limit 1"), "y\n");
    assert!(
        code == Some(0) && said.contains("Drop 1 dead message") && said.contains("1 dead message dropped"),
        "{said}"
    );
    wait_until("the others stayed", seconds(5), || dead(&stack) == 2);

    let (known, unknown) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    stack.wire().send(&Message::new(DEAD, "{}").without_reply().message_id(&known));
    wait_until("one with an id was dead", seconds(5), || dead(&stack) == 3);
    let ids = format!("dead drop {LISTENER} --id {known} --id {unknown}");
    let (code, said) = at_a_terminal(&stack, &ids, "n\n");
    assert!(code == Some(1) && said.contains("0 dead messages dropped"), "{said}");
    wait_until("no message was dropped", seconds(5), || dead(&stack) == 3);
    let (code, said) = at_a_terminal(&stack, &ids, "y\n");
    assert!(said.contains(&known) && said.contains(&format!("no dead message has the id {unknown}")), "{said}");
    assert_eq!((code, said.contains("1 dead message dropped")), (Some(1), true), "{said}");
    wait_until("only that message was dropped", seconds(5), || dead(&stack) == 2);
    // Nobody can be asked for those that have no id by an empty one.
    assert_eq!(bus(&stack, &format!("dead drop {LISTENER} --yes --id=")).0, Some(64));
}

#[test]
fn a_check_for_cron_prints_only_dead_letters() {
    let stack = Stack::plan().with_events().start();
    assert_eq!(bus(&stack, "dead list --check"), (Some(0), String::new(), String::new()));
    stack.wire().send(&Message::new(DEAD, "{}").without_reply());
    wait_until("one was dead", seconds(5), || dead(&stack) == 1);
    let (code, said, complained) = bus(&stack, "dead list --check");
    assert_eq!((code, complained.as_str()), (Some(1), ""));
    assert!(said.contains(LISTENER) && !said.contains("orders.on_user_registered"), "{said}");
    let (_, said, _) = bus(&stack, "dead list");
    assert!(said.contains('–') && said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours where there is no terminal: {said}");
}

#[test]
fn a_broker_that_cannot_be_used_is_named_with_the_likely_cause_and_without_its_password() {
    let stack = Stack::start();
    let [port, _] = Servers::shared().broker.ports();
    for (url, code, sentence) in [
        ("amqp://me:hunter2@127.0.0.1:1/%2f".to_owned(), 69, "nothing listens there"),
        ("amqp://me:hunter2@no-such-host.invalid:5672/%2f".to_owned(), 69, "no-such-host.invalid:5672"),
        (format!("amqp://guest:hunter2@127.0.0.1:{port}/%2f"), 77, "refused the user name or the password"),
    ] {
        let mut command = stack.command("signalbox");
        command.env("AMQP_URL", &url);
        let (ended, _, complained) = run(command, &["dead", "list"]);
        assert_eq!(ended, Some(code), "{complained}");
        assert!(complained.contains(sentence) && complained.contains("AMQP_URL"), "{complained}");
        assert!(!complained.contains("hunter2"), "{complained}");
    }
}
