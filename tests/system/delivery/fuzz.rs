//! Random messages over every queue, exchange and reply address of a running system, with ordinary traffic beside them.
//!
//! `FUZZ_SECONDS` sets the duration (10), `FUZZ_SEED` repeats a run: every failure names the seed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use contracts::{EVENTS, LISTENERS, PATTERNS};
use serde_json::{Value, json};
use system_tests::environment::variable;
use system_tests::raw_amqp::{Properties, long, nested};
use system_tests::wait::seconds;
use system_tests::{Person, RawAmqp, Stack, wait_until};
use uuid::Uuid;

use crate::delivery::odd_messages::{assert_every_pattern_answers, assert_listeners_hear, odd_properties};

/// xorshift64*: enough to choose by, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

/// Where a message can go: exchange and key.
fn targets(reply_address: &str) -> Vec<(&'static str, String)> {
    let patterns = PATTERNS.iter().flat_map(|pattern| {
        [("", (*pattern).to_owned()), ("patterns", (*pattern).to_owned()), ("", format!("{pattern}.redelivered"))]
    });
    let listeners =
        LISTENERS.iter().flat_map(|listener| [("", listener.name.to_owned()), ("", format!("{}.dead", listener.name))]);
    let events = EVENTS.iter().map(|event| ("events", event.name.to_owned()));
    let replies = std::iter::repeat_n(("", reply_address.to_owned()), 6);
    patterns.chain(listeners).chain(events).chain(replies).collect()
}

/// Lengths about which frames and limits are.
const EDGES: [usize; 10] = [0, 1, 255, 4_095, 7_168, 16_384, 65_536, 131_064, 200_000, 1_048_577];

fn value(random: &mut Random) -> Vec<u8> {
    let fixed = |kind: u8, length: usize, random: &mut Random| {
        [&[kind][..], &(0..length).map(|_| random.next().to_le_bytes()[5]).collect::<Vec<_>>()].concat()
    };
    let size = random.pick(&EDGES[..7]);
    match random.below(14) {
        0 => fixed(b't', 1, random),
        1 => fixed(b'b', 1, random),
        2 => fixed(b's', 2, random),
        3 => fixed(b'I', 4, random),
        4 => fixed(b'l', 8, random),
        5 => fixed(b'f', 4, random),
        6 => fixed(b'd', 8, random),
        7 => fixed(b'D', 5, random),
        8 => fixed(b'T', 8, random),
        9 => vec![b'V'],
        10 => [b"S", &long(&vec![b'x'; size])[..]].concat(),
        11 => [b"S", &long(&random.bytes(300))[..]].concat(),
        12 => nested(random.pick(&[1, 7, 8, 9, 40, 5_000]), random.one_in(2)),
        _ => [b"x", &long(&random.bytes(2_000))[..]].concat(),
    }
}

fn properties(
    random: &mut Random,
    known: &[(&'static str, Properties)],
    reply_address: &str,
    callers: &[String],
) -> Properties {
    let mut properties = if random.one_in(3) { random.pick(known).1 } else { Properties::default() };
    let names = [
        "caller",
        "deadline",
        "request-id",
        "idempotency-key",
        "traceparent",
        "owner",
        "attempts",
        "CC",
        "x-unreadable",
        "x-death",
    ];
    let mut has_died = false;
    for _ in 0..random.below(4) {
        let name = if random.one_in(4) { random.bytes(40) } else { random.pick(&names).as_bytes().to_vec() };
        let value = value(random);
        // A `CC` that is a list is a routing instruction, and any other makes the broker refuse the message.
        properties = properties.header(&name, &value);
        has_died |= name == b"x-death";
    }
    if random.one_in(3) {
        properties = properties.text("caller", &random.pick(callers));
    }
    for place in [0, 1, 5, 8, 10, 12] {
        if random.one_in(6) {
            let text = random.bytes(256);
            properties = properties.name(place, &text);
        }
    }
    if random.one_in(3) {
        properties = properties.message_id(Uuid::from_u64_pair(random.next() % 50, 7).to_string().as_bytes());
    }
    if random.one_in(2) {
        let forged = ["amq.rabbitmq.reply-to.x", "users.login", "nowhere", "", reply_address];
        properties = properties.reply_to(random.pick(&forged).as_bytes());
    }
    if random.one_in(4) {
        properties = properties.correlation_id(format!("{:032x}", random.next()).as_bytes());
    }
    // A broker before 3.13 that lets a message with forged deaths expire dead-letters nothing more: see docs/security.md.
    if random.one_in(8) && !has_died {
        properties = properties.name(7, random.pick(&["1", "5000", "x", "4294967295"]).as_bytes());
    }
    properties
}

fn body(random: &mut Random, key: &str) -> Vec<u8> {
    let data: Value = match random.below(8) {
        0 => json!({}),
        1 => json!(null),
        2 => json!({ "title": "fuzz", "description": "fuzz", "price": 1.5 }),
        3 => json!({ "email": "fuzz@example.org", "password": "not the one", "firstName": "\u{0}", "lastName": "x" }),
        4 => json!({ "id": Uuid::from_u64_pair(1, 1), "limit": -1, "cursor": "c", "refreshToken": "x" }),
        5 => json!([[[[[[[]]]]]]]),
        6 => json!("x".repeat(random.pick(&EDGES[..9]))),
        _ => json!({ "id": Uuid::now_v7(), "userId": Uuid::now_v7(), "price": "x", "createdAt": 7 }),
    };
    match random.below(6) {
        0 => random.bytes(3_000),
        1 => vec![b'['; random.pick(&EDGES)],
        2 => json!({ "pattern": random.pick(&PATTERNS), "data": data }).to_string().into_bytes(),
        3 => {
            let mut packet = json!({ "pattern": key, "data": data, "id": "1" }).to_string().into_bytes();
            let at = random.below(packet.len());
            packet[at] ^= 1 << random.below(8);
            packet
        }
        4 => json!({ "response": data, "isDisposed": true }).to_string().into_bytes(),
        _ => json!({ "pattern": key, "data": data }).to_string().into_bytes(),
    }
}

/// What an honest person does, and what must come of it: nothing is lost, and nothing is answered with another's answer.
fn honest(stack: &Stack<'_>, registered: &Person, done: &AtomicBool) -> Vec<String> {
    let mut person = stack.sign_in(registered);
    let mut ordered = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let title = format!("honest {}", Uuid::now_v7());
        let order = person.ordering(&title).send().expect(201).json();
        assert_eq!((&order["title"], &order["userId"]), (&json!(title), &json!(person.id)));
        let path = format!("/orders/{}", order["id"].as_str().unwrap());
        assert_eq!(person.get(&path).send().expect(200).json()["title"], title);
        assert_eq!(person.get("/users/profile").send().expect(200).json()["id"], person.id);
        assert_eq!(person.orders()[0]["title"], title);
        assert_eq!(person.get("/orders/00000000-0000-4000-8000-000000000000").send().code(), "order_not_found");
        if ordered.len() % 8 == 0 {
            // A long run outlasts an access token.
            person = stack.sign_in(registered);
        }
        ordered.push(title);
    }
    ordered
}

fn number(name: &str, otherwise: u64) -> u64 {
    variable(name).map_or(otherwise, |value| value.parse().unwrap())
}

#[test]
fn random_messages_harm_no_other_request() {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let seed = number("FUZZ_SEED", u64::try_from(clock).unwrap()).max(1);
    let duration = seconds(number("FUZZ_SECONDS", 10));
    let stack = Stack::plan().without("users-logout").with_events().start();
    eprintln!("FUZZ_SEED={seed}");
    let people: Vec<Person> = (0..3).map(|_| stack.register()).collect();
    let reply_address = crate::delivery::odd_messages::reply_address_of_the_gateway(&stack, &people[0]);
    stack.launch_worker("users-logout");
    let pids = stack.pids();
    let done = AtomicBool::new(false);
    let (sent, ordered) = std::thread::scope(|scope| {
        let honest: Vec<_> = people.iter().map(|person| scope.spawn(|| honest(&stack, person, &done))).collect();
        let fuzz = std::panic::catch_unwind(|| {
            let (mut random, known, targets) = (Random(seed), odd_properties(), targets(&reply_address));
            let callers: Vec<String> = [Uuid::now_v7().to_string(), "nobody".into(), String::new()].into();
            let mut raw = RawAmqp::at(&stack.amqp);
            let (begun, mut sent) = (Instant::now(), 0_u32);
            while begun.elapsed() < duration {
                let (exchange, key) = random.pick(&targets);
                let properties = properties(&mut random, &known, &reply_address, &callers).encode();
                raw.publish(exchange, key.as_bytes(), &properties, &body(&mut random, &key));
                sent += 1;
            }
            sent
        });
        done.store(true, Ordering::Relaxed);
        let ordered: Vec<Vec<String>> = honest.into_iter().map(|thread| thread.join().unwrap()).collect();
        (fuzz.unwrap(), ordered)
    });
    eprintln!("{sent} messages beside {} orders", ordered.iter().map(Vec::len).sum::<usize>());
    assert_every_pattern_answers(&stack);
    assert_listeners_hear(&stack);
    for (person, titles) in people.iter().zip(&ordered) {
        let mine = "SELECT title FROM orders WHERE user_id = $1 ORDER BY created_at, id";
        assert_eq!(stack.orders_db().column::<String>(mine, &[&person.id]), *titles);
        let counted = "SELECT order_count FROM order_statistics WHERE user_id = $1::text::uuid";
        let all = i64::try_from(titles.len()).unwrap();
        wait_until("every honest order was counted", seconds(10), || {
            stack.users_db().value::<i64>(counted, &[&person.id]) == all
        });
    }
    assert_eq!(stack.pids(), pids, "every process is the one that was started");
    for pattern in PATTERNS {
        for queue in [pattern.to_owned(), format!("{pattern}.redelivered")] {
            wait_until("the queue was empty", seconds(5), || stack.wire().queue(&queue).unwrap().ready == 0);
        }
    }
    assert!(u64::from(sent) > duration.as_secs() * 20, "only {sent} messages were sent");
}
