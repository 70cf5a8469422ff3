//! A log that nobody reads blocks no process.

use std::process::Stdio;

use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Stack, wait_until};
use uuid::Uuid;

/// What fills a pipe: a line of a worker's log has more than two hundred bytes.
const REQUESTS: usize = 600;

#[test]
fn a_worker_continues_when_nobody_reads_its_log() {
    let stack = Stack::plan().without("orders-get").start();
    let mut worker = stack.command("orders-get").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stack.wait_for_consumers("orders.get", 1);
    let person = stack.somebody();
    for _ in 0..REQUESTS {
        let answer = person.get(&format!("/orders/{}", Uuid::now_v7())).send();
        problem(&answer, 404, "order_not_found");
    }
    // It also ends in good order: a full pipe is not waited for.
    let told = std::process::Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap();
    assert!(told.success());
    let mut ended = None;
    wait_until("the worker ended", seconds(10), || {
        ended = worker.try_wait().unwrap();
        ended.is_some()
    });
    assert!(ended.is_some_and(|ended| ended.success()), "{ended:?}");
}
