//! The scaler starts a worker for the first request, adds copies as the queue grows, and stops idle ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use system_tests::environment::{program, scratch};
use system_tests::forged_death::forge_deaths;
use system_tests::wait::seconds;
use system_tests::{Process, Servers, Stack, wait_until};

/// What scalers need to start `orders-get`, and what they have started.
struct Ground<'s> {
    stack: &'s Stack<'static>,
    directory: PathBuf,
}

impl<'s> Ground<'s> {
    fn new(stack: &'s Stack<'static>, name: &str, table: &str) -> Self {
        let directory = scratch().join("data").join(format!("scaler-{name}"));
        fs::create_dir_all(directory.join("state")).unwrap();
        fs::write(directory.join("table.toml"), table).unwrap();
        let worker = stack.command("orders-get");
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in worker.get_envs() {
            let value = value.map(|value| value.to_str().unwrap().replace('\'', r"'\''"));
            let line = value.map_or_else(
                || format!("unset {}\n", name.to_str().unwrap()),
                |value| format!("export {}='{value}'\n", name.to_str().unwrap()),
            );
            script.push_str(&line);
        }
        let program = program("orders-get");
        let lines = [script.as_str(), "exec '", program.to_str().unwrap(), "'\n"].concat();
        fs::write(directory.join("worker"), lines).unwrap();
        fs::set_permissions(directory.join("worker"), fs::Permissions::from_mode(0o700)).unwrap();
        Self { stack, directory }
    }

    fn scaler(&self) -> Arc<Process> {
        let file = |name: &str| self.directory.join(name).display().to_string();
        let [_, management] = Servers::shared().broker.ports();
        self.stack.launch_with("scaler", |command| {
            command.env("SCALER_DRIVER", "children").env("SCALER_COMMAND", file("worker"));
            command.env("SCALER_STATE_DIR", file("state")).env("SCALER_TABLE", file("table.toml"));
            command.env("AMQP_MANAGEMENT_URL", format!("http://127.0.0.1:{management}"));
        })
    }

    /// The copies that were started and not told to stop.
    fn pids(&self) -> Vec<String> {
        let files = fs::read_dir(self.directory.join("state")).unwrap();
        files.map(|file| file.unwrap().path().extension().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn wait_for_sleep(&self) {
        // The broker renews its counters every five seconds.
        wait_until("it slept", seconds(40), || {
            self.stack.wire().consumers("orders.get") == 0 && self.pids().is_empty()
        });
    }
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        for pid in self.pids() {
            let _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
        }
    }
}

fn asleep() -> Stack<'static> {
    let stack = Stack::plan().without("orders-get").set("GATEWAY_WAIT_FOR_WORKER_MS", "4500").alone().start();
    stack.wire().make_pattern_queue("orders.get");
    stack
}

#[test]
fn a_pattern_scales_from_zero_for_a_request_and_back() {
    let stack = asleep();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("first")["id"].as_str().unwrap());
    let ground = Ground::new(&stack, "sleep", "[orders.get]\nidle_after_s = 1\n");
    let scaler = ground.scaler();
    wait_until("it led", seconds(15), || !scaler.events("serving").is_empty());
    assert_eq!(ground.pids().len(), 0, "nobody has asked");
    for _ in 0..2 {
        person.get(&path).send().expect(200);
        assert_eq!(ground.pids().len(), 1);
        ground.wait_for_sleep();
    }
    // A killed copy is replaced at the next request.
    person.get(&path).send().expect(200);
    let killed = Command::new("kill").args(["-s", "KILL", &ground.pids()[0]]).status();
    assert!(killed.unwrap().success());
    person.get(&path).send().expect(200);
    ground.wait_for_sleep();
}

#[test]
fn an_idle_pattern_whose_queue_is_missing_or_has_crashed_gets_a_worker() {
    let stack = asleep();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("first")["id"].as_str().unwrap());
    let ground = Ground::new(&stack, "crashed", "[orders.get]\nidle_after_s = 1\n");
    let scaler = ground.scaler();
    wait_until("it led", seconds(15), || !scaler.events("serving").is_empty());
    let answered = || person.get(&path).send().status == 200;
    forge_deaths(&stack, "orders.get");
    wait_until("the pattern was served", seconds(30), answered);
    ground.wait_for_sleep();
    stack.wire().delete_queue("orders.get");
    wait_until("the pattern was served again", seconds(15), answered);
    ground.wait_for_sleep();
}

#[test]
fn copies_grow_with_the_queue_and_a_standby_scaler_takes_over() {
    let stack = asleep();
    let person = stack.register();
    let path = format!("/orders/{}", person.place("first")["id"].as_str().unwrap());
    let table = "[orders.get]\nidle_after_s = 1\nmax = 2\ntarget_wait_ms = 20\n";
    let ground = Ground::new(&stack, "grow", table);
    let first = ground.scaler();
    wait_until("it led", seconds(15), || !first.events("serving").is_empty());
    let second = ground.scaler();
    wait_until("the second stood by", seconds(15), || !second.events("another scaler leads; standing by").is_empty());

    // Its database is held up, so that requests wait however fast the machine is.
    let sql = stack.orders_db();
    sql.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE");
    let statuses = thread::scope(|scope| {
        let ask = || person.get(&path).send().status;
        let clients: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        wait_until("a second copy was started", seconds(15), || ground.pids().len() == 2);
        first.kill();
        wait_until("the other one led", seconds(15), || !second.events("serving").is_empty());
        sql.execute("COMMIT");
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert!(ground.pids().len() <= 2);
    // It finds the copies that the first one had started.
    ground.wait_for_sleep();
    person.get(&path).send().expect(200);
    ground.wait_for_sleep();
}
