//! A worker settles every message in its queue once, in NestJS packets, whatever the message contains.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use system_tests::stack::order;
use system_tests::wait::{millis, seconds};
use system_tests::wire::Reply;
use system_tests::{Message, Stack, wait_until};
use uuid::Uuid;

fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The order of a success; the packet has exactly the keys that a Nest client expects.
#[track_caller]
fn response(reply: &Reply) -> Value {
    let Value::Object(packet) = &reply.body else { panic!("{reply:?}") };
    assert!(packet.len() == 2 && packet["isDisposed"] == true && packet.contains_key("response"), "{reply:?}");
    packet["response"].clone()
}

/// The same for a fault.
#[track_caller]
fn fault(reply: &Reply) -> String {
    let Value::Object(packet) = &reply.body else { panic!("{reply:?}") };
    assert!(packet.len() == 2 && packet["isDisposed"] == true && packet.contains_key("err"), "{reply:?}");
    assert!(!packet["err"]["message"].as_str().unwrap().is_empty(), "{reply:?}");
    reply.code().to_owned()
}

fn in_millis(millis: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    i64::try_from(now).unwrap() + millis
}

/// Stops the worker, so that unacknowledged messages return to the queue; returns what is there.
#[track_caller]
fn assert_all_settled(stack: &Stack<'_>, pattern: &str) {
    stack.process(&contracts::naming::process_name(pattern)).stop(seconds(10));
    assert_eq!(stack.wire().queue(pattern).unwrap().ready, 0, "messages are left in {pattern}");
}

#[test]
fn an_order_that_is_delivered_twice_is_placed_once() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let message = Message::request("orders.create", &order("twice")).message_id(&new_id()).caller("user-1");
    let first = response(&stack.wire().call(&message));
    for _ in 0..4 {
        assert_eq!(response(&stack.wire().call(&message)), first);
    }
    let keyed = Message::request("orders.create", &order("keyed")).message_id(&new_id()).caller("user-1");
    let keyed = keyed.header("idempotency-key", "key");
    let first = response(&stack.wire().call(&keyed));
    assert_eq!(response(&stack.wire().call(&keyed)), first);
    assert_eq!(stack.orders_db().count("orders"), 2);
}

#[test]
fn an_order_that_is_delivered_twice_at_once_is_placed_once() {
    let stack = Stack::plan().copies("orders-create", 2).start();
    let hold = stack.hold_orders();
    let message = Message::request("orders.create", &order("twice")).message_id(&new_id()).caller("user-1");
    stack.wire().send(&message.clone().correlation_id("a"));
    hold.wait_for(1);
    stack.wire().send(&message.correlation_id("b"));
    wait_until("both deliveries were with a worker", seconds(5), || {
        stack.wire().queue("orders.create").unwrap().ready == 0
    });
    hold.release();
    let replies = [stack.wire().reply(seconds(5)).unwrap(), stack.wire().reply(seconds(5)).unwrap()];
    assert_ne!(replies[0].correlation_id, replies[1].correlation_id);
    assert_eq!(response(&replies[0]), response(&replies[1]));
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn the_id_of_a_request_gives_no_access_to_another_users_order() {
    let stack = Stack::start();
    let id = new_id();
    let message =
        |title: &str, caller: &str| Message::request("orders.create", &order(title)).message_id(&id).caller(caller);
    response(&stack.wire().call(&message("mine", "user-1")));
    let reply = stack.wire().call(&message("theirs", "user-2"));
    assert!(!fault(&reply).is_empty() && !reply.body.to_string().contains("mine"), "{reply:?}");
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn a_registration_that_is_delivered_twice_signs_the_same_user_in() {
    let stack = Stack::start();
    let form = stack.form();
    let message = Message::request("users.register", &form).message_id(&new_id());
    let first = response(&stack.wire().call(&message));
    let second = response(&stack.wire().call(&message));
    assert_eq!(first["user"], second["user"]);
    for answer in [&first, &second] {
        stack.register_secrets_of(answer);
        let token = answer["tokens"]["access_token"].as_str().unwrap();
        stack.http.get("/users/profile").token(token).send().expect(200);
    }
    assert_eq!(stack.users_db().count("users"), 1);
    let another_request = Message::request("users.register", &form).message_id(&new_id());
    assert_eq!(fault(&stack.wire().call(&another_request)), "email_taken");
    let another_person =
        Message::request("users.register", &stack.form()).message_id(first["user"]["id"].as_str().unwrap());
    assert_eq!(fault(&stack.wire().call(&another_person)), "message_id_reused");
}

#[test]
fn a_stock_nest_client_is_answered_in_its_own_packets() {
    let stack = Stack::start();
    let form = stack.form();
    // What @nestjs/microservices sends: the pattern, the data, an id; correlation id and reply address; no headers.
    let nest = |pattern: &str, data: &Value, id: &str| {
        let packet = json!({ "pattern": pattern, "data": data, "id": id });
        Message::new(pattern, packet.to_string()).correlation_id(id)
    };
    let reply = stack.wire().call(&nest("users.register", &form, "n-1"));
    assert_eq!(reply.correlation_id, "n-1");
    let signed_in = response(&reply);
    stack.register_secrets_of(&signed_in);
    assert_eq!(signed_in["user"]["email"], form["email"]);

    // With `wildcards: true` it publishes to a topic exchange instead.
    let credentials = json!({ "email": form["email"], "password": form["password"] });
    let reply = stack.wire().call(&nest("users.login", &credentials, "n-2").through("patterns"));
    assert_eq!(reply.correlation_id, "n-2");
    stack.register_secrets_of(&response(&reply));

    let reply = stack.wire().call(&nest("users.login", &json!({ "email": 7 }), "n-3").through("patterns"));
    assert_eq!((reply.correlation_id.as_str(), fault(&reply).as_str()), ("n-3", "invalid_input"));
    assert_eq!(reply.body["err"]["errors"]["email"], json!(["must be a string"]));
}

#[test]
fn every_pattern_is_reached_through_the_topic_exchange() {
    let stack = Stack::start();
    for pattern in contracts::PATTERNS {
        let reply = stack.wire().call(&Message::request(pattern, &json!({ "unheard": "of" })).through("patterns"));
        assert!(["invalid_input", "missing_token"].contains(&fault(&reply).as_str()), "{pattern}: {reply:?}");
    }
}

#[test]
fn a_request_without_a_caller_is_refused_where_a_user_is_needed() {
    let stack = Stack::start();
    for (pattern, data) in [
        ("users.profile", json!({})),
        ("orders.create", order("x")),
        ("orders.list", json!({})),
        ("orders.events", json!({})),
        ("orders.get", json!({ "id": Uuid::now_v7() })),
    ] {
        assert_eq!(fault(&stack.wire().call(&Message::request(pattern, &data))), "missing_token", "{pattern}");
    }
    // A caller in the body counts for nothing.
    let mut data = order("x");
    data["caller"] = json!("user-1");
    assert_eq!(fault(&stack.wire().call(&Message::request("orders.create", &data))), "invalid_input");
    // Nor is one that is no account, or no id at all.
    for caller in ["nobody", "", "'; DROP TABLE users; --"] {
        let code = fault(&stack.wire().call(&Message::request("users.profile", &json!({})).caller(caller)));
        assert!(["user_not_found", "missing_token", "invalid_token"].contains(&code.as_str()), "{caller:?}: {code}");
    }
    assert_eq!(stack.orders_db().count("orders"), 0);
}

#[test]
fn a_message_that_is_not_a_request_is_answered_with_a_fault_and_removed() {
    let stack = Stack::start();
    let deep = format!(r#"{{"pattern":"orders.create","data":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let bodies: [&[u8]; 9] =
        [b"", b"not json", b"{}", b"[]", b"null", b"\xff\xfe", b"{\"pattern\":7}", b"{\"data\":{}}", deep.as_bytes()];
    for body in bodies {
        let reply = stack.wire().call(&Message::new("orders.create", body).caller("user-1").message_id(&new_id()));
        let text = String::from_utf8_lossy(body);
        assert!(["malformed_json", "invalid_input"].contains(&fault(&reply).as_str()), "{text}: {reply:?}");
    }
    // Absent data is an empty object, to which rules apply.
    let reply = stack.wire().call(&Message::new("orders.create", r#"{"pattern":"orders.create"}"#).caller("user-1"));
    assert_eq!(fault(&reply), "invalid_input");
    assert_all_settled(&stack, "orders.create");
    assert_eq!(stack.orders_db().count("orders"), 0);
}

#[test]
fn a_request_past_its_deadline_is_dropped_and_not_executed() {
    let stack = Stack::start();
    let request = |title: &str| Message::request("orders.create", &order(title)).message_id(&new_id()).caller("user-1");
    // Without an expiration the deadline header counts, by this machine's clock.
    stack.wire().send(&request("too late").deadline(in_millis(-1)));
    let reply = stack.wire().call(&request("in time").deadline(in_millis(5_000)));
    assert_eq!(response(&reply)["title"], "in time");
    assert_eq!(stack.wire().reply(millis(50)).map(|reply| reply.body), None);
    assert_eq!(stack.orders_db().column::<String>("SELECT title FROM orders", &[]), ["in time"]);
    let worker = stack.process("orders-create");
    let dropped = || worker.events("handled").iter().any(|event| event["status"] == "expired");
    wait_until("the worker had logged that it dropped one", seconds(2), dropped);
    assert_all_settled(&stack, "orders.create");
}

#[test]
fn a_request_with_an_unusable_reply_address_is_refused_before_any_work() {
    let stack = Stack::start();
    let worker = stack.process("orders-create");
    let request = |title: &str| Message::request("orders.create", &order(title)).message_id(&new_id()).caller("user-1");
    let addresses = [
        "users.login",
        "users.login.redelivered",
        "users.on_order_created",
        "feed.0",
        "no such queue",
        "amq.rabbitmq.reply-to.",
        "amq.rabbitmq.reply-to.forged",
        "amq.rabbitmq.reply-to.g1h2AA9yZXBseUAxMjM0NTY3OAAAC1cAAAAAY2JhZA==.Zm9yZ2Vk",
        "amq.gen-forged",
        "amq.rabbitmq.trace",
    ];
    for address in addresses {
        stack.wire().send(&request("forged").reply_to(address));
        let reply = stack.wire().call(&request("proper").correlation_id(&new_id()));
        assert_eq!(response(&reply)["title"], "proper", "after {address}");
    }
    let refused = || worker.events("handled").iter().filter(|event| event["status"] == "unanswerable").count();
    wait_until("each was refused", seconds(5), || refused() == addresses.len());
    let forged = "SELECT count(*) FROM orders WHERE title = 'forged'";
    assert_eq!(stack.orders_db().value::<i64>(forged, &[]), 0);
    assert_eq!(worker.events("serving").len(), 1, "no address cost the worker its connection");
    // No reply went to the queue of another worker, which logs every message.
    let last = Message::request("users.login", &json!({})).correlation_id(&new_id());
    assert_eq!(fault(&stack.wire().call(&last)), "invalid_input");
    let bystander = stack.process("users-login");
    let heard = || bystander.events("handled").len();
    wait_until("the bystander had logged its request", seconds(2), || heard() > 0);
    assert_eq!(heard(), 1);
    assert_all_settled(&stack, "orders.create");
}

#[test]
fn a_reply_goes_to_any_existing_queue_except_the_systems_own() {
    let stack = Stack::start();
    for queue in ["replies", "amq_0123456789", "orders.creator"] {
        stack.wire().make_queue(queue);
        stack.wire().send(&Message::request("orders.create", &order("x")).caller("u").reply_to(queue));
        wait_until("the reply was there", seconds(5), || stack.wire().queue(queue).unwrap().ready == 1);
    }
    assert_eq!(stack.orders_db().count("orders"), 3);
    // Nothing in the property is as if it were not there.
    stack.wire().send(&Message::request("orders.create", &order("quiet")).caller("u").reply_to(""));
    wait_until("it was done", seconds(5), || stack.orders_db().count("orders") == 4);
}

#[test]
fn a_packet_for_another_pattern_is_refused() {
    let stack = Stack::start();
    for asked in [json!("get_order"), json!("orders.list"), json!("")] {
        let packet = json!({ "pattern": asked, "data": order("x") }).to_string();
        let reply = stack.wire().call(&Message::new("orders.create", packet).caller("u"));
        assert_eq!(fault(&reply), "wrong_pattern");
    }
    assert_eq!(stack.orders_db().count("orders"), 0);
    let packet = json!({ "data": order("unsaid") }).to_string();
    assert_eq!(response(&stack.wire().call(&Message::new("orders.create", packet).caller("u")))["title"], "unsaid");
}

#[test]
fn missing_data_is_an_empty_object_where_no_field_is_required() {
    let stack = Stack::start();
    let person = stack.register();
    for data in ["\"\"", "null", "{}"] {
        let packet = format!(r#"{{"pattern":"users.profile","data":{data}}}"#);
        let reply = stack.wire().call(&Message::new("users.profile", packet).caller(&person.id));
        assert_eq!(response(&reply)["id"], person.id.as_str(), "{data}");
    }
    let reply = stack.wire().call(&Message::new("orders.create", r#"{"data":""}"#).caller(&person.id));
    assert_eq!(reply.body["err"]["errors"]["title"], json!(["is required: add it"]));
}

#[test]
fn a_number_does_not_identify_a_request() {
    let stack = Stack::start();
    let numbered =
        |title: &str, caller: &str| Message::request("orders.create", &order(title)).correlation_id("1").caller(caller);
    let titles = ["one", "two", "one"]
        .map(|title| response(&stack.wire().call(&numbered(title, "user-1")))["title"].as_str().unwrap().to_owned());
    assert_eq!(titles, ["one", "two", "one"]);
    assert_eq!(response(&stack.wire().call(&numbered("one", "user-2")))["userId"], "user-2");
    // Two messages that are equal in every respect are the same request.
    assert_eq!(stack.orders_db().count("orders"), 3);
}

#[test]
fn the_same_identity_with_another_payload_is_refused() {
    let stack = Stack::start();
    let id = new_id();
    let message =
        |title: &str, caller: &str| Message::request("orders.create", &order(title)).message_id(&id).caller(caller);
    let first = response(&stack.wire().call(&message("first", "user-1")));
    for other in [
        message("second", "user-1"),
        message("first", "user-2"),
        message("second", "user-1").header("idempotency-key", "k"),
        message("first", "user-2").header("idempotency-key", "k"),
    ] {
        assert_eq!(fault(&stack.wire().call(&other)), "message_id_reused");
    }
    assert_eq!(response(&stack.wire().call(&message("first", "user-1"))), first);
    assert_eq!(stack.orders_db().count("orders"), 1);
}

#[test]
fn a_request_without_a_reply_address_is_executed_without_a_reply() {
    let stack = Stack::start();
    let request = Message::request("orders.create", &order("quiet")).message_id(&new_id()).caller("user-1");
    stack.wire().send(&request.without_reply());
    wait_until("the order was placed", seconds(5), || stack.orders_db().count("orders") == 1);
    assert_all_settled(&stack, "orders.create");
}
