//! `signalbox log-level`: changes the log level of processes for a limited time.

use contracts::naming::process_name;
use serde_json::Value;
use system_tests::environment::run_to_end;
use system_tests::wait::seconds;
use system_tests::{Process, RawAmqp, Signal, Stack, wait_until};

const CHANGED: &str = "log level changed temporarily";
const RESTORED: &str = "log level restored";

fn log_level(stack: &Stack<'_>, arguments: &str) -> (Option<i32>, Value) {
    let (code, output) =
        run_to_end(stack.command("signalbox").arg("log-level").args(arguments.split(' ')).arg("--json"));
    (code, serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}")))
}

/// How many lines of a level a process has logged.
fn lines(process: &Process, level: &str) -> usize {
    let log = process.log();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["level"] == level).count()
}

#[test]
fn all_processes_of_a_name_change_their_level_and_restore_it() {
    let stack = Stack::start();
    let (first, second) = (stack.process("orders-get"), stack.launch_worker("orders-get"));
    wait_until("both were connected", seconds(10), || stack.wire().consumers("control.orders-get.present") == 2);
    let person = stack.somebody();
    let work = || person.get(&format!("/orders/{}", uuid::Uuid::now_v7())).send();
    let (code, told) = log_level(&stack, "orders.get error --for 5s");
    assert_eq!((code, told["changed"].as_array().unwrap().len()), (Some(0), 2), "{told}");
    for process in [&first, &second] {
        wait_until("it was logged", seconds(5), || process.events(CHANGED).len() == 1);
    }
    // By the setting there is a line for each request.
    let before = [lines(&first, "INFO"), lines(&second, "INFO")];
    work();
    work();
    assert_eq!([lines(&first, "INFO"), lines(&second, "INFO")], before);
    for process in [&first, &second] {
        wait_until("it was restored", seconds(15), || process.events(RESTORED).len() == 1);
    }
    let before: usize = [&first, &second].iter().map(|process| lines(process, "INFO")).sum();
    work();
    wait_until("there was a line again", seconds(5), || {
        [&first, &second].iter().map(|process| lines(process, "INFO")).sum::<usize>() > before
    });
    assert!(stack.process("gateway").events(CHANGED).is_empty(), "others keep their level");
}

#[test]
fn trace_logs_no_secret_and_a_change_can_be_for_one_instance() {
    let stack = Stack::plan().with_events().start();
    for name in ["gateway", "users.login", "users.on_order_created", "orders.relay"] {
        let presence = format!("control.{}.present", process_name(name));
        wait_until("it was connected", seconds(10), || stack.wire().consumers(&presence) == 1);
        let (code, told) = log_level(&stack, &format!("{name} trace --for 1h"));
        assert_eq!((code, told["changed"].as_array().unwrap().len()), (Some(0), 1), "{told}");
        let process = stack.process(&process_name(name));
        wait_until("it was logged", seconds(5), || process.events(CHANGED).len() == 1);
    }
    // When the stack stops, the harness searches the logs for secrets.
    let person = stack.register();
    stack.sign_in(&person).place("x");
    let second = stack.launch_worker("orders-get");
    wait_until("both were connected", seconds(10), || stack.wire().consumers("control.orders-get.present") == 2);
    let instance = stack.wire().request_status("stats.orders.get")["response"]["instance"].clone();
    let (code, told) = log_level(&stack, &format!("orders-get debug --instance {}", instance.as_str().unwrap()));
    let changed = told["changed"].as_array().unwrap();
    assert_eq!((code, changed.len(), &changed[0]["process"]["instance"]), (Some(0), 1, &instance), "{told}");
    let logged = || second.events(CHANGED).len() + stack.all("orders-get")[0].events(CHANGED).len();
    wait_until("it was logged", seconds(5), || logged() == 1);
}

#[test]
fn processes_that_did_not_change_are_reported() {
    let stack = Stack::plan().without("orders-list").start();
    let (code, output) = run_to_end(stack.command("signalbox").args(["log-level", "orders.list", "debug"]));
    assert!(code == Some(1) && output.contains("no process with this name is connected"), "{output}");
    let second = stack.launch_worker("orders-get");
    wait_until("both were connected", seconds(10), || stack.wire().consumers("control.orders-get.present") == 2);
    second.signal(Signal::Freeze);
    let (code, told) = log_level(&stack, "orders.get debug");
    assert_eq!((code, &told["silent"], told["changed"].as_array().unwrap().len()), (Some(1), &1.into(), 1), "{told}");
    second.signal(Signal::Cont);
    for arguments in ["orders.gte debug", "orders.get loud", "orders.get debug --for 2h", "orders.get debug --for 0s"] {
        let (code, output) = run_to_end(stack.command("signalbox").arg("log-level").args(arguments.split(' ')));
        assert_eq!(code, Some(64), "{arguments}: {output}");
    }
}

#[test]
fn only_an_administrator_may_change_levels() {
    let stack = Stack::plan().with_events().start();
    let body = br#"{"data":{"level":"off","forS":1}}"#;
    for process in ["gateway", "orders-get", "users-on-order-created", "orders-relay", "scaler"] {
        for key in ["log-level.orders.get", "log-level.gateway", "log-level.orders.get.x"] {
            let mut account = RawAmqp::at(&stack.address_of(process));
            assert!(!account.publish("control", key.as_bytes(), &[0, 0], body), "{process} could send {key}");
        }
    }
    let answer = stack.wire().request_status("log-level.orders.get");
    assert_eq!(answer["err"]["code"], "invalid_input", "the request has no level: {answer}");
    assert!(stack.process("orders-get").events(CHANGED).is_empty());
}
