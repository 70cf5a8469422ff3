//! Broker clients with third-party libraries, as in `examples/`: they call our workers with no more permissions at the
//! broker than `docs/interop.md` says.

use std::process::Command;

use serde_json::Value;
use system_tests::Stack;
use system_tests::environment::repository;

use crate::program::{all_well, bounded, python, said, tools, typescript};

/// The rights of a client that calls by the exchange and hears by direct reply-to.
const CLIENT: [&str; 3] = ["^patterns$", "^patterns$", ""];
/// Those of one that hears at a queue whose name the broker, or aio-pika, makes.
const WITH_QUEUE: [&str; 3] = ["^amq[._]", "^(patterns|amq[._].*)$", "^amq[._]"];
/// Those of one that sends to a queue by its name.
const BY_QUEUE: [&str; 3] = ["", "^amq\\.default$", ""];
/// Those of one that declares the queue itself, too.
const DECLARES: [&str; 3] = ["^orders\\.list$", "^amq\\.default$", ""];
/// Those of one that also hears events at a queue of its own.
const AUDIT: [&str; 3] = ["^(patterns|events|audit\\..*)$", "^(patterns|audit\\..*)$", "^(events|audit\\..*)$"];

fn example(file: &str) -> std::path::PathBuf {
    repository().join("examples").join(file)
}

#[test]
fn stock_clients_call_our_workers() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    for title in ["One", "Two", "Three"] {
        person.place(title);
    }
    let (client, with_queue) = (stack.admit_guest("client", CLIENT), stack.admit_guest("queue", WITH_QUEUE));
    let (by_queue, audit) = (stack.admit_guest("by-queue", BY_QUEUE), stack.admit_guest("audit", AUDIT));
    let declares = stack.admit_guest("declares", DECLARES);
    let as_guest = |mut command: Command, url: &str| {
        command.env("AMQP_URL", url).env("CALLER", &person.id);
        command
    };
    let two = |out: &str| out == "2";
    let page = |out: &str| {
        let answer: Value = serde_json::from_str(out).unwrap_or_default();
        answer["response"]["items"].as_array().is_some_and(|items| items.len() == 2)
    };
    let nest = |out: &str| out == "By Nest\norder_not_found";
    let stream = |out: &str| out == "By FastStream\nBy FastStream";
    let spring = || bounded("spring", &["java", "-cp", "classes:lib/*", "Client"]);
    all_well(vec![
        ("Nest 12, by the exchange", as_guest(typescript("nest-12", "nest-client.ts"), &client), &nest),
        ("Nest 11, by the exchange", as_guest(typescript("nest-11", "nest-client.ts"), &client), &nest),
        ("Nest 12, by the queue", as_guest(typescript("nest-12", "nest-queue-client.ts"), &by_queue), &two),
        ("Nest 11, by the queue", as_guest(typescript("nest-11", "nest-queue-client.ts"), &by_queue), &two),
        ("Nest 12, which declares", as_guest(typescript("nest-12", "plain-queue-client.ts"), &declares), &two),
        ("Nest 11, which declares", as_guest(typescript("nest-11", "plain-queue-client.ts"), &declares), &two),
        ("amqplib", as_guest(bounded("nest-12", &["node", "amqplib-client.mjs"]), &client), &two),
        ("pika", as_guest(python(".", &example("python/pika_client.py")), &client), &two),
        ("aio-pika", as_guest(python(".", &example("python/aio_pika_client.py")), &with_queue), &two),
        ("FastStream", as_guest(python(".", &example("python/faststream_app.py")), &audit), &stream),
        ("Go", as_guest(bounded("go", &["./example"]), &client), &page),
    ]);

    // Spring numbers its correlation ids from 1 at each start: two starts are two orders all the same.
    assert!(tools().join("spring/classes/Client.class").is_file());
    let place = || said(&mut as_guest(spring(), &client)).unwrap_or_else(|error| panic!("Spring: {error}"));
    let orders: Vec<Value> = [place(), place()].iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let id =
        |answer: &Value| answer["response"]["id"].as_str().unwrap_or_else(|| panic!("Spring: {answer}")).to_owned();
    assert_ne!(id(&orders[0]), id(&orders[1]));
}
