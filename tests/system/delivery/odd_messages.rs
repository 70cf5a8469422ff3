//! A malformed message, whatever its bytes, headers, size or effect, harms only itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use contracts::{EVENTS, LISTENERS, PATTERNS};
use serde_json::json;
use system_tests::raw_amqp::{Properties, long, nested};
use system_tests::stack::order;
use system_tests::wait::seconds;
use system_tests::{Message, Person, RawAmqp, Stack, wait_until};
use uuid::Uuid;

/// Every pattern answers, each within a second.
#[track_caller]
pub(crate) fn assert_every_pattern_answers(stack: &Stack<'_>) {
    for pattern in PATTERNS {
        let begun = Instant::now();
        let message =
            Message::request(pattern, &json!({ "unheard": "of" })).correlation_id(&Uuid::now_v7().to_string());
        let reply = stack.wire().call(&message);
        assert!(["invalid_input", "missing_token"].contains(&reply.code()), "{pattern}: {reply:?}");
        assert!(begun.elapsed() < seconds(1), "{pattern} took {:?}", begun.elapsed());
    }
}

/// Every listener still works: a new order is counted.
#[track_caller]
pub(crate) fn assert_listeners_hear(stack: &Stack<'_>) {
    let person = stack.register();
    let counted =
        || stack.users_db().value::<i64>("SELECT coalesce(sum(order_count), 0)::bigint FROM order_statistics", &[]);
    let before = counted();
    person.place("heard");
    wait_until("the order was counted", seconds(5), || counted() > before);
    let known = "SELECT count(*) FROM customers WHERE user_id = $1";
    wait_until("the customer was known", seconds(5), || stack.orders_db().value::<i64>(known, &[&person.id]) == 1);
}

/// No process was restarted or had to reconnect to the broker.
#[track_caller]
fn assert_nobody_noticed(stack: &Stack<'_>, pids: &[(String, u32)]) {
    assert_eq!(stack.pids(), pids, "a process has ended");
    for (name, _) in pids {
        let process = stack.process(name);
        assert!(process.events("serving").len() <= 1, "{name} had to connect anew");
        for message in ["no connection to the broker", "the connection to the broker broke"] {
            assert_eq!(process.events(message).len(), 0, "{name}: {message}");
        }
    }
}

fn text(value: &str) -> Vec<u8> {
    [b"S", &long(value.as_bytes())[..]].concat()
}

/// Properties that break a naive parser.
pub(crate) fn odd_properties() -> Vec<(&'static str, Properties)> {
    let plain = Properties::default;
    let many = (0..2_000).fold(plain(), |all, n| all.text(&format!("x-{n}"), "some text"));
    // Of each type a value at the end of its range; which types there are differs from broker to broker.
    let values: [(&str, &[u8]); 16] = [
        ("type t", b"t\x02"),
        ("type b", b"b\xff"),
        ("type B", b"B\xff"),
        ("type s", b"s\xff\xff"),
        ("type u", b"u\xff\xff"),
        ("type I", b"I\xff\xff\xff\xff"),
        ("type i", b"i\xff\xff\xff\xff"),
        ("type l", b"l\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("type L", b"L\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("type f", b"f\x7f\xc0\0\0"),
        ("type d", b"d\x7f\xf8\0\0\0\0\0\0"),
        ("type D", b"D\xff\xff\xff\xff\xff"),
        ("type T", b"T\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("type V", b"V"),
        ("type x", b"x\0\0\0\x02\xff\xff"),
        ("type S", b"S\0\0\0\x02\xff\xff"),
    ];
    let names = ["x", "caller", "deadline", "attempts", "idempotency-key", "owner"];
    let all_named = |value: &[u8]| names.iter().fold(plain(), |all, name| all.header(name.as_bytes(), value));
    let typed = values.into_iter().map(|(what, value)| (what, all_named(value)));
    let others = [
        ("a header of 20 000 bytes", plain().text("x-baggage", &"x".repeat(20_000))),
        ("a header of 16 300 bytes", plain().text("x-baggage", &"x".repeat(16_300))),
        ("headers that just fill the broker's frame", plain().text("x-baggage", &"x".repeat(131_000))),
        ("a caller of 20 000 bytes", plain().text("caller", &"x".repeat(20_000))),
        ("many headers", many),
        ("deep tables", plain().header(b"deep", &nested(10_000, true))),
        ("deep arrays", plain().header(b"deep", &nested(20_000, false))),
        (
            "headers of ours as tables",
            plain().header(b"caller", &nested(3, true)).header(b"deadline", &nested(3, true)),
        ),
        ("names of headers that are no text", plain().header(b"\xff\xfe", b"V").header(b"", b"V")),
        ("a correlation id that is no text", plain().correlation_id(b"\xff\xfe\0")),
        ("a message id that is no text", plain().message_id(b"\xc3\x28")),
        ("a content type that is no text", plain().name(0, b"\xff").name(1, b"\x80").name(10, b"\xe2\x82")),
        ("a reply address that is no text", plain().reply_to(b"\xff\xff")),
        ("a huge timestamp", plain().value(9, vec![0xff; 8])),
        ("odd modes", plain().value(3, vec![0xff]).value(4, vec![0xff])),
        (
            "names as long as they can be",
            [0, 1, 5, 8, 10, 12].into_iter().fold(plain(), |all, n| all.name(n, &[b'n'; 255])),
        ),
        ("NUL in what is kept", plain().text("caller", "u\0").text("idempotency-key", "\0").text("owner", "\0")),
    ];
    others.into_iter().chain(typed).collect()
}

#[test]
fn a_message_with_odd_properties_harms_only_itself() {
    let stack = Stack::plan().with_events().start();
    let pids = stack.pids();
    let mut raw = RawAmqp::at(&stack.amqp);
    let mut refused = Vec::new();
    for (what, properties) in odd_properties() {
        let mut publish = |exchange: &str, key: &str, packet: &str| {
            if !raw.publish(exchange, key.as_bytes(), &properties.encode(), packet.as_bytes())
                && !refused.contains(&what)
            {
                refused.push(what);
            }
        };
        for pattern in PATTERNS {
            let packet = json!({ "pattern": pattern, "data": {} }).to_string();
            for (exchange, queue) in
                [("", pattern.to_owned()), ("patterns", pattern.into()), ("", format!("{pattern}.redelivered"))]
            {
                publish(exchange, &queue, &packet);
            }
        }
        for event in EVENTS.map(|event| event.name) {
            let packet = json!({ "pattern": event, "data": {} }).to_string();
            publish("events", event, &packet);
        }
        assert_every_pattern_answers(&stack);
    }
    // What the broker does not understand it keeps to itself.
    assert!(refused.len() < 8, "{refused:?}");
    assert_listeners_hear(&stack);
    for listener in LISTENERS {
        let waiting = || stack.wire().queue(listener.name).unwrap().ready;
        wait_until("the listener has settled what is no event", seconds(10), || waiting() == 0);
    }
    assert_nobody_noticed(&stack, &pids);
    // The operator sees all of them and can drop them.
    let bus = |arguments: &[&str]| {
        let output = stack.command("signalbox").args(arguments).output().unwrap();
        assert!(output.status.success(), "signalbox {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for listener in LISTENERS {
        let dead = stack.wire().queue(&format!("{}.dead", listener.name)).unwrap().ready;
        assert!(dead > 0);
        bus(&["dead", "list"]);
        bus(&["dead", "show", listener.name]);
        bus(&["dead", "drop", listener.name, "--yes"]);
        assert_eq!(stack.wire().queue(&format!("{}.dead", listener.name)).unwrap().ready, 0);
    }
}

#[test]
fn a_routing_key_that_is_not_text_harms_only_its_message() {
    let stack = Stack::start();
    let pids = stack.pids();
    let mut raw = RawAmqp::at(&stack.amqp);
    // The broker passes on the key that was published to, also to queues that a header names.
    let copies = PATTERNS.iter().flat_map(|pattern| text(pattern)).collect::<Vec<u8>>();
    let properties = Properties::default().header(b"CC", &[b"A", &long(&copies)[..]].concat());
    assert!(raw.publish("", b"\xff\xfe", &properties.encode(), b"{}"));
    assert_every_pattern_answers(&stack);
    assert_nobody_noticed(&stack, &pids);
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let stack = Stack::start();
    let pids = stack.pids();
    let worker = stack.process("users-profile");
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", worker.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
        line.split(' ').next().unwrap().parse::<u64>().unwrap() / 1_024
    };
    let mut raw = RawAmqp::at(&stack.amqp);
    let before = memory();
    let packet = [br#"{"pattern":"users.profile","data":""#, &vec![b'x'; 30 << 20][..], b"\"}"].concat();
    for _ in 0..2 {
        assert!(raw.publish("", b"users.profile", &Properties::default().encode(), &packet));
    }
    let refused = || worker.events("handled").iter().filter(|event| event["status"] == "malformed_json").count();
    wait_until("both were refused", seconds(20), || refused() == 2);
    assert_every_pattern_answers(&stack);
    assert!(memory() < before + 12, "it grew from {before} to {} MiB", memory());
    assert_nobody_noticed(&stack, &pids);
    // What is large and yet taken is answered.
    let request = Message::new("users.profile", vec![b' '; 1 << 20]).correlation_id("large");
    assert_eq!(stack.wire().call(&request).code(), "malformed_json");
}

#[test]
fn a_request_that_repeatedly_crashes_its_worker_is_given_up() {
    let stack = Stack::start();
    let hold = stack.hold_orders();
    let poison =
        Message::request("orders.create", &order("poison")).caller("u").message_id(&Uuid::now_v7().to_string());
    stack.wire().send(&poison.correlation_id("poison"));
    // Whatever it is that kills, it does so each time: once among others, and then so often alone.
    for _ in 0..4 {
        hold.wait_for(1);
        stack.process("orders-create").kill();
        // PostgreSQL would notice only when it has something to say.
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(stack.orders_db().value::<i64>(end, &[]), 1);
        wait_until("its statement was gone", seconds(5), || hold.held() == 0);
        stack.launch_worker("orders-create");
    }
    let reply = stack.wire().reply(seconds(10)).unwrap();
    assert_eq!((reply.correlation_id.as_str(), reply.code()), ("poison", "internal"));
    let given_up = || stack.process("orders-create").events("a request is given up").len();
    wait_until("it was logged", seconds(5), || given_up() == 1);
    hold.release();
    let order = Message::request("orders.create", &order("innocent")).caller("u").correlation_id("innocent");
    assert_eq!(stack.wire().call(&order).body["response"]["title"], "innocent");
    for queue in ["orders.create", "orders.create.redelivered"] {
        assert_eq!(stack.wire().queue(queue).unwrap().ready, 0, "{queue}");
    }
}

/// The gateway's reply address, as every worker sees it. For a stack without `users-logout`.
pub(crate) fn reply_address_of_the_gateway(stack: &Stack<'_>, person: &Person) -> String {
    stack.wire().make_pattern_queue("users.logout");
    let (address, id) = stack.wire().take("users.logout", || {
        let seen = || stack.readiness().is_some_and(|answer| answer.json()["patterns"]["users.logout"] == 1);
        wait_until("the gateway saw a worker", seconds(5), seen);
        let body = json!({ "refreshToken": person.refresh_token });
        drop(stack.http.post("/users/logout").json(&body).send_in_background());
    });
    assert!(id.len() == 32 && u128::from_str_radix(&id, 16).is_ok(), "{id}");
    address
}

#[test]
fn forged_replies_are_ignored() {
    let stack = Stack::plan().without("users-logout").start();
    let person = stack.register();
    let address = reply_address_of_the_gateway(&stack, &person);
    let forged = json!({ "response": { "user": {}, "tokens": { "access_token": "forged", "refresh_token": "forged" } }, "isDisposed": true });
    let done = AtomicBool::new(false);
    let pids = stack.pids();
    let sent = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut raw = RawAmqp::at(&stack.amqp);
            let mut sent = 0_u32;
            for (_, properties) in odd_properties() {
                raw.publish("", address.as_bytes(), &properties.encode(), forged.to_string().as_bytes());
            }
            while !done.load(Ordering::Relaxed) {
                let id = [sent.to_string(), format!("{sent:032x}")][usize::from(sent.is_multiple_of(2))].clone();
                let properties = Properties::default().correlation_id(id.as_bytes());
                assert!(raw.publish("", address.as_bytes(), &properties.encode(), forged.to_string().as_bytes()));
                sent += 1;
            }
            sent
        });
        let begun = Instant::now();
        while begun.elapsed() < seconds(2) {
            let signed_in = stack.sign_in(&person);
            assert_ne!(signed_in.token, "forged");
        }
        done.store(true, Ordering::Relaxed);
        flood.join().unwrap()
    });
    assert!(sent > 500, "only {sent} were sent");
    assert_eq!(stack.pids(), pids);
    assert_eq!(stack.process("gateway").events("the connection to the broker broke").len(), 0);
}
