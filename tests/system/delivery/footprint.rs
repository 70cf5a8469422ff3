//! The processes stay small, and a request stays cheap. The limits are loose: they catch a mistake, not a slow machine.
#![cfg(target_os = "linux")] // /proc tells

use std::time::Duration;
use std::{fs, thread};

use system_tests::raw::Raw;
use system_tests::wait::seconds;
use system_tests::{Process, Stack, wait_until};

/// Memory that is the process's own, with its share of what it shares, in KiB.
fn memory(process: &Process) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid())).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Processor time a process has used.
fn processor_time(process: &Process) -> Duration {
    const TICKS_PER_SECOND: u64 = 100; // fixed by the kernel's interface
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    // The name, in parentheses, may hold anything; state is the first field after it.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

#[test]
fn idle_processes_are_small() {
    let stack = Stack::start();
    // Each has done its work before it idles.
    let person = stack.register();
    let credentials = serde_json::json!({ "email": person.email, "password": person.password });
    stack.http.post("/users/login").json(&credentials).send().expect(200);
    person.get("/users/profile").send().expect(200);
    let order = person.place("x");
    person.get(&format!("/orders/{}", order["id"].as_str().unwrap())).send().expect(200);
    person.orders();
    for (name, _) in stack.pids() {
        let process = stack.process(&name);
        let limit = if name == "gateway" { 12 * 1024 } else { 8 * 1024 };
        let what = format!("{name}, which has {} KiB, had at most {limit} KiB", memory(&process));
        wait_until(&what, seconds(5), || memory(&process) <= limit);
    }
}

#[test]
fn a_read_costs_little_processor_time() {
    const CONNECTIONS: usize = 64;
    const REQUESTS: u32 = 300;
    let stack = Stack::plan().with_events().alone().start();
    let person = stack.register();
    let order = person.place("read often");
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let whole = || person.get(&path).send().expect(200).json().get("customer").is_some();
    wait_until("the order service had the customer", seconds(5), whole);
    let head = format!("host: a\r\nauthorization: Bearer {}\r\n\r\n", person.token);
    let request = format!("GET {path} HTTP/1.1\r\n{head}");
    let read = |times: u32| {
        thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let mut connection = Raw::connect(stack.port);
                    (0..times).for_each(|_| assert_eq!(connection.write(&request).answer().unwrap().status, 200));
                });
            }
        });
    };
    read(10); // warm
    let (gateway, worker) = (stack.process("gateway"), stack.process("orders-get"));
    let both = || processor_time(&gateway) + processor_time(&worker);
    let before = both();
    read(REQUESTS);
    let spent = both().saturating_sub(before);
    let each = spent / REQUESTS / u32::try_from(CONNECTIONS).unwrap();
    eprintln!("gateway and worker: {each:?} of processor time for each request");
    assert!(each < Duration::from_micros(240), "{each:?}");
}
