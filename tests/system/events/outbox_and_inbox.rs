//! A fact that is committed reaches everybody who listens, and takes effect once.

use serde_json::{Value, json};
use system_tests::stack::Person;
use system_tests::wait::seconds;
use system_tests::{Message, Stack, wait_until};
use uuid::Uuid;

/// Waits until a profile shows so many orders.
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
    // Somebody of whom the user service knows nothing has orders all the same, and no customer is made up.
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
    assert_eq!((outbox.count("orders"), outbox.count("outbox")), (2, 2));
    let data: String = outbox.value("SELECT data FROM outbox WHERE aggregate = $1", &[&order["id"].as_str().unwrap()]);
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), order, "the event tells what the answer told");
    assert_eq!(stack.users_db().value::<String>("SELECT name FROM outbox", &[]), "user.registered");
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
    wait_until("all four were heard", seconds(5), || listener.events("heard").len() == 4);
    let statuses: Vec<Value> = listener.events("heard").iter().map(|event| event["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "repeated").count(), 2, "{statuses:?}");
    assert_eq!(stack.wire().queue("users.on_order_created.dead").unwrap().ready, 0);
}
