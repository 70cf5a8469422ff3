//! Stock Nest services in place of a worker of ours and beside one; stock Nest listeners and emitters of events.

use serde_json::{Value, json};
use system_tests::wait::seconds;
use system_tests::{Person, Process, Stack, wait_until};
use uuid::Uuid;

use crate::program::{self, listening, said, typescript};

/// The rights of a listener with a queue of its own.
const LISTENER: [&str; 3] = ["^(events|mail\\..*)$", "^mail\\.", "^(events|mail\\..*)$"];
/// Those of an emitter.
const EMITTER: [&str; 3] = ["^events$", "^events$", ""];

fn service(stack: &Stack<'_>, version: &str) -> Process {
    let mut command = program::service(version, "nest-service.ts");
    listening(&format!("{version}-service"), command.env("AMQP_URL", stack.address_of("orders-get")))
}

/// Who answered for this order: our worker knows its title.
fn title(person: &Person, id: &Value) -> String {
    let answer = person.get(&format!("/orders/{}", id.as_str().unwrap())).send().expect(200);
    answer.json()["title"].as_str().unwrap().to_owned()
}

#[test]
fn a_nest_service_stands_in_for_a_worker_and_beside_it() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let id = person.place("Ours")["id"].clone();
    for version in ["nest-11", "nest-12"] {
        // Beside it: they take turns.
        let nest = service(&stack, version);
        stack.wait_for_consumers("orders.get", 2);
        let mut heard: Vec<String> = (0..4).map(|_| title(&person, &id)).collect();
        heard.sort();
        heard.dedup();
        assert_eq!(heard, ["From Nest", "Ours"], "{version}");

        // In its place.
        assert!(stack.process("orders-get").stop(seconds(15)).success());
        stack.wait_for_consumers("orders.get", 1);
        assert_eq!(title(&person, &id), "From Nest", "{version}");
        let refused = person.get("/orders/0199f0a0-7c3e-7000-8000-000000000404").send();
        assert_eq!((refused.status, refused.code()), (404, "order_not_found".into()), "{version}: {}", refused.body);

        // Ours is started again and the other is killed: no request is lost.
        stack.launch_worker("orders-get");
        stack.wait_for_consumers("orders.get", 2);
        nest.kill();
        for _ in 0..4 {
            person.get(&format!("/orders/{}", id.as_str().unwrap())).send().expect(200);
        }
        stack.wait_for_consumers("orders.get", 1);
        assert_eq!(title(&person, &id), "Ours");
    }
}

#[test]
fn nest_hears_our_events_and_we_hear_those_of_nest() {
    let stack = Stack::plan().with_events().start();
    let (listener, emitter) = (stack.admit_guest("mail", LISTENER), stack.admit_guest("emitter", EMITTER));
    let person = stack.register();
    let mut orders = 0;
    for version in ["nest-11", "nest-12"] {
        let mut command = program::service(version, "nest-listener.ts");
        let mail = listening(&format!("{version}-listener"), command.env("AMQP_URL", &listener));
        let title = format!("Heard {}", Uuid::now_v7());
        person.place(&title);
        wait_until(&format!("{version} heard of the order"), seconds(20), || mail.log().contains(&title));

        let mut emit = typescript(version, "nest-emitter.ts");
        assert_eq!(said(emit.env("AMQP_URL", &emitter).env("CALLER", &person.id)), Ok("emitted".into()), "{version}");
        orders += 2;
        wait_until(&format!("{version}'s event took effect"), seconds(20), || {
            person.get("/users/profile").send().expect(200).json()["orderCount"] == json!(orders)
        });
    }
}
