//! A committed event reaches every listener and takes effect once.

use serde_json::{Value, json};
use system_tests::problem::problem;
use system_tests::stack::Person;
use system_tests::wait::seconds;
use system_tests::{Message, Stack, wait_until};
use uuid::Uuid;

/// Waits until a profile shows this many orders.
#[track_caller]
fn wait_for_count(person: &Person, orders: i64) {
    wait_until(&format!("the profile showed {orders} orders"), seconds(10), || {
        person.get("/users/profile").send().expect(200).json()["orderCount"] == orders
    });
}

/// An event as a relay publishes it.
fn event(name: &str, data: &Value) -> Message {
    let packet = json!({ "pattern": name, "data": data });
    Message::new(name, packet.to_string()).through("events").without_reply()
}

#[test]
fn a_profile_counts_the_orders_and_an_order_names_its_customer() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    assert_eq!(person.get("/users/profile").send().expect(200).json()["totalSpent"], 0);
    let order = person.place("first");
    person.place("second");
    wait_for_count(&person, 2);
    assert_eq!(person.get("/users/profile").send().expect(200).json()["totalSpent"], json!(39.98));
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    wait_until("the customer was known", seconds(10), || {
        let customer = person.get(&path).send().expect(200).json()["customer"].clone();
        customer["firstName"] == "Ann" && customer["email"] == person.email.as_str()
    });
    // A user unknown to the user service can have orders, without a customer.
    let stranger = stack.somebody();
    let order = stranger.place("third");
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    assert!(stranger.get(&path).send().expect(200).json().get("customer").is_none());
}

#[test]
fn an_event_is_recorded_with_its_row_or_not_at_all() {
    let stack = Stack::start();
    let person = stack.register();
    let order = person.place("recorded");
    for _ in 0..2 {
        person.ordering("once").header("idempotency-key", "k").send().expect(201);
    }
    let outbox = stack.orders_db();
    assert_eq!((outbox.count("orders"), outbox.count("outbox_pending")), (2, 2));
    let data: String =
        outbox.value("SELECT data FROM outbox_pending WHERE aggregate = $1", &[&order["id"].as_str().unwrap()]);
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), order, "the event tells what the answer told");
    assert_eq!(stack.users_db().value::<String>("SELECT name FROM outbox_pending", &[]), "user.registered");
}

#[test]
fn an_event_that_is_delivered_three_times_counts_once() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let order = json!({
        "id": Uuid::now_v7(), "title": "t", "description": "d", "price": 0.1, "userId": person.id,
        "orderReference": null, "createdAt": "2026-01-31T12:00:00.000Z", "updatedAt": "2026-01-31T12:00:00.000Z",
    });
    let told = event("order.created", &order).message_id(&Uuid::now_v7().to_string());
    for _ in 0..3 {
        stack.wire().send(&told);
    }
    stack.wire().send(&event("order.created", &order).message_id(&Uuid::now_v7().to_string()));
    wait_for_count(&person, 2);
    let listener = stack.process("users-on-order-created");
    wait_until("all four events were handled", seconds(5), || listener.events("event handled").len() == 4);
    let statuses: Vec<Value> = listener.events("event handled").iter().map(|event| event["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "repeated").count(), 2, "{statuses:?}");
    assert_eq!(stack.wire().queue("users.on_order_created.dead").unwrap().ready, 0);
}

#[test]
fn the_history_of_an_order_shows_what_is_known() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let listener_of = |history: &Value| history["events"][0]["listeners"][0].clone();
    let history_of = |order: &Value| {
        let path = format!("/orders/{}/history", order["id"].as_str().unwrap());
        person.get(&path).send().expect(200).json()
    };

    // Recorded, published, applied.
    let order = person.place("first");
    wait_until("the order was counted", seconds(10), || listener_of(&history_of(&order))["status"] == "applied");
    wait_until("the event was marked", seconds(10), || history_of(&order)["events"][0]["publishedAt"].is_string());
    let history = history_of(&order);
    assert_eq!((&history["orderId"], &history["recordedAt"]), (&order["id"], &order["createdAt"]));
    let event = &history["events"][0];
    let id: Uuid = stack.orders_db().value("SELECT id FROM outbox", &[]);
    assert_eq!((&event["id"], &event["name"]), (&json!(id), &json!("order.created")));
    assert!(event["recordedAt"].is_string());
    assert_eq!(event["failedAt"], Value::Null);
    assert_eq!(listener_of(&history)["name"], "users.on_order_created");
    assert!(listener_of(&history)["appliedAt"].is_string());

    // Only its owner sees it.
    let path = format!("/orders/{}/history", order["id"].as_str().unwrap());
    problem(&stack.somebody().get(&path).send(), 403, "permission_denied");
    problem(&person.get(&format!("/orders/{}/history", Uuid::now_v7())).send(), 404, "order_not_found");

    // Published, and not applied.
    stack.process("users-on-order-created").stop(seconds(10));
    let waiting = person.place("second");
    wait_until("it was published", seconds(10), || history_of(&waiting)["events"][0]["publishedAt"].is_string());
    assert_eq!(listener_of(&history_of(&waiting)), waits("waiting"));

    // Recorded, and not published.
    stack.process("orders-relay").stop(seconds(10));
    let recorded = person.place("third");
    let event = history_of(&recorded)["events"][0].clone();
    assert_eq!((&event["publishedAt"], &event["listeners"][0]), (&Value::Null, &waits("waiting")));
    stack.orders_db().execute(
        "WITH unfit AS (DELETE FROM outbox_pending RETURNING id, name, aggregate, owner, data)
         INSERT INTO outbox (id, name, aggregate, owner, data, failed_at, error) SELECT *, now(), 'test' FROM unfit",
    );
    assert!(history_of(&recorded)["events"][0]["failedAt"].is_string(), "it is said that it cannot be published");

    // Without users.inbox it is unknown what was applied; the rest is shown.
    stack.process("users-inbox").stop(seconds(10));
    stack.wait_until_unserved("users.inbox");
    let history = history_of(&order);
    assert!(history["events"][0]["publishedAt"].is_string());
    assert_eq!(listener_of(&history), waits("unknown"));

    // Events are kept for a while; the order stays.
    stack.orders_db().execute("DELETE FROM outbox");
    assert_eq!(history_of(&order)["events"], json!([]));
    // No worker of the pattern "orders.history" is left.
    stack.process("orders-history").stop(seconds(10));
    stack.wait_until_unserved("orders.history");
    problem(&person.get(&path).send(), 503, "service_unavailable");
}

/// The history entry of a listener that is not known to have applied an event.
fn waits(status: &str) -> Value {
    json!({ "name": "users.on_order_created", "status": status, "appliedAt": null })
}
