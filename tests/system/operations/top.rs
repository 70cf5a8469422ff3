//! `signalbox top`: the live system on a terminal and as JSON.

use std::process::Command;

use serde_json::Value;
use system_tests::environment::{program, run_to_end};
use system_tests::wait::seconds;
use system_tests::{Message, Servers, Signal, Stack, Terminal, wait_until};

const DEAD: &str = "users.on_order_created.dead";

fn top(stack: &Stack<'_>) -> Value {
    let (code, output) = run_to_end(stack.command("signalbox").args(["top", "--once", "--json"]));
    assert_eq!(code, Some(0), "{output}");
    serde_json::from_str(&output).unwrap()
}

/// The row of a name.
fn row<'v>(view: &'v Value, rows: &str, key: &str, name: &str) -> &'v Value {
    view[rows].as_array().unwrap().iter().find(|row| row[key] == name).unwrap()
}

fn copies(view: &Value, pattern: &str) -> (u64, u64) {
    let row = row(view, "patterns", "pattern", pattern);
    (row["copies"].as_u64().unwrap(), row["unresponsive"].as_u64().unwrap())
}

/// `signalbox top` in a terminal of 80×24, followed by its exit code and the settings of the terminal.
fn open_top(stack: &Stack<'_>) -> Terminal {
    let lines = format!(
        "echo tty $(tty); sh -c 'echo pid $$; exec {} top'; echo ended $?; stty -a",
        program("signalbox").display()
    );
    Terminal::open(&stack.command("signalbox"), 80, 24, &lines)
}

/// What follows a word that was printed in the terminal.
fn after(terminal: &Terminal, word: &str) -> String {
    let written = terminal.written();
    let line = written.lines().find_map(|line| line.trim().strip_prefix(word).map(str::trim));
    line.unwrap_or_else(|| panic!("no {word} in {written:?}")).to_owned()
}

#[track_caller]
fn wait_for_screen(terminal: &Terminal, what: &str, seen: impl Fn(&[String]) -> bool) {
    wait_until(&format!("{what} was on the screen"), seconds(15), || seen(&terminal.screen(80, 24)));
}

fn has(screen: &[String], texts: &[&str]) -> bool {
    screen.iter().any(|line| texts.iter().all(|text| line.contains(text)))
}

/// Waits for its end, and checks that the terminal is restored.
#[track_caller]
fn assert_restored(terminal: &mut Terminal) {
    wait_until("it had ended", seconds(10), || terminal.has_ended());
    wait_until("all was read", seconds(5), || terminal.written().contains("-echoprt"));
    let written = terminal.written();
    assert!(written.contains("ended 0"), "{written:?}");
    let (_, rest) = written.rsplit_once("\u{1b}[?1049l").expect("it left the alternate screen");
    assert!(rest.contains("\u{1b}[?25h"), "the cursor is visible: {rest:?}");
    for mode in ["icanon", "echo", "isig", "opost"] {
        assert!(rest.split_whitespace().any(|word| word == mode), "{mode}: {rest:?}");
    }
}

#[test]
fn a_worker_appears_when_it_starts_and_disappears_when_it_stops() {
    let stack = Stack::plan().with_events().start();
    assert_eq!(copies(&top(&stack), "orders.get"), (1, 0));
    let second = stack.launch_worker("orders-get");
    let mut view = Value::Null;
    wait_until("the second appeared", seconds(10), || {
        view = top(&stack);
        copies(&view, "orders.get") == (2, 0)
    });
    let instances = row(&view, "patterns", "pattern", "orders.get")["instances"].as_array().unwrap();
    let pids: Vec<u64> = instances.iter().map(|instance| instance["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.last(), Some(&u64::from(second.pid())), "the youngest is the last: {view}");
    second.stop(seconds(10));
    assert_eq!(copies(&top(&stack), "orders.get"), (1, 0));
}

#[test]
fn a_frozen_process_that_never_answered_is_unresponsive() {
    let stack = Stack::plan().with_events().start();
    let second = stack.launch_worker("orders-get");
    wait_until("both were connected", seconds(10), || stack.wire().consumers("control.orders-get.present") == 2);
    second.signal(Signal::Freeze);
    // It has never received a request: neither from this command nor from the gateway, whose metrics nobody has read.
    assert_eq!(copies(&top(&stack), "orders.get"), (1, 1));
    let counted = |metrics: &str| metrics.contains(r#"process_unresponsive{service="orders",pattern="orders.get"} 1"#);
    wait_until("the gateway counted it", seconds(10), || counted(&stack.metrics()));
    let (_, table) = run_to_end(stack.command("signalbox").args(["top", "--once"]));
    assert!(table.lines().any(|line| line.starts_with("orders.get ") && line.contains("1+1?")), "{table}");
    second.signal(Signal::Cont);
    wait_until("it answered again", seconds(10), || copies(&top(&stack), "orders.get") == (2, 0));
    wait_until("none was unresponsive", seconds(10), || !stack.metrics().contains("process_unresponsive{"));
    second.kill();
    assert_eq!(copies(&top(&stack), "orders.get"), (1, 0), "a process that is gone is not unresponsive");
}

#[test]
fn every_kind_of_process_has_a_row() {
    let stack = Stack::plan().with_events().start();
    stack.wire().send(&Message::new(DEAD, "{}").without_reply());
    let person = stack.register();
    let mut view = Value::Null;
    // Rates are those of the second between two snapshots.
    wait_until("the event was counted", seconds(20), || {
        std::thread::scope(|scope| {
            let snapshot = scope.spawn(|| top(&stack));
            while !snapshot.is_finished() {
                person.place("x");
                person.get("/orders/no-such-order").send();
            }
            view = snapshot.join().unwrap();
        });
        let applied = &row(&view, "listeners", "listener", "users.on_order_created")["appliedPerSecond"];
        applied.as_f64() > Some(0.0)
    });
    let created = row(&view, "patterns", "pattern", "orders.create");
    for number in ["ratePerSecond", "/handlingMs/p50", "/handlingMs/p99", "/queueWaitMs/p99"] {
        let is = created.pointer(number).unwrap_or(&created[number]);
        assert!(is.as_f64() > Some(0.0), "{number}: {created}");
    }
    assert_eq!((&created["waiting"], &created["errorsPerSecond"]), (&0.into(), &0.0.into()), "{created}");
    assert!(!view.to_string().contains("-0.0"), "{view}");
    assert_eq!(row(&view, "listeners", "listener", "users.on_order_created")["dead"], 1, "{view}");
    let relay = row(&view, "relays", "relay", "orders.relay");
    assert_eq!((&relay["leader"], &relay["standby"]), (&true.into(), &0.into()), "{relay}");
    let gateway = &view["gateway"];
    assert!(gateway["statuses"]["2xx"].as_f64() > Some(0.0) && gateway["statuses"]["4xx"].as_f64() > Some(0.0));
    let route = &gateway["routes"]["orders.create"];
    assert!(
        route["ratePerSecond"].as_f64() > Some(0.0) && route["durationMs"]["p50"].as_f64() > Some(0.0),
        "{gateway}"
    );
}

#[test]
fn it_reacts_to_keys_in_80_columns_and_restores_the_terminal() {
    let stack = Stack::plan().with_events().start();
    let mut terminal = open_top(&stack);
    wait_for_screen(&terminal, "the overview", |screen| {
        has(screen, &["PATTERN", "COPIES", "WAIT99"])
            && has(screen, &["orders.create ", " 1 "])
            && has(screen, &["q quit"])
    });
    // The last row is below the screen until it is selected.
    assert!(!has(&terminal.screen(80, 24), &["orders.relay"]));
    terminal.type_keys("\u{1b}[F");
    wait_for_screen(&terminal, "the last row", |screen| has(screen, &["orders.relay", "yes"]));
    terminal.type_keys("\u{1b}[Hj\r");
    let pid = stack.process("orders-create").pid().to_string();
    wait_for_screen(&terminal, "the only instance", |screen| {
        has(screen, &["HOST", "VERSION", "MEMORY"]) && has(screen, &[&pid, "MiB"])
    });
    terminal.type_keys("\u{1b}");
    wait_for_screen(&terminal, "the overview again", |screen| has(screen, &["PATTERN"]));
    terminal.type_keys("r");
    wait_for_screen(&terminal, "the order", |screen| has(screen, &["by rate"]));
    let second = stack.launch_worker("orders-create");
    wait_for_screen(&terminal, "the second copy", |screen| has(screen, &["orders.create ", " 2 "]));
    second.signal(Signal::Freeze);
    wait_for_screen(&terminal, "the frozen one", |screen| has(screen, &["1 unresponsive"]));
    second.signal(Signal::Cont);
    let tty = after(&terminal, "tty");
    let wide = Command::new("stty").args(["-F", &tty, "cols", "60", "rows", "30"]).status().unwrap();
    assert!(wide.success());
    wait_until("it used the whole screen", seconds(10), || {
        let screen = terminal.screen(60, 30);
        has(&screen, &["orders.relay"]) && has(&screen[29..], &["select"])
    });
    terminal.type_keys("q");
    assert_restored(&mut terminal);
}

#[test]
fn every_way_to_quit_restores_the_terminal() {
    let stack = Stack::start();
    for end in ["\u{1b}", "\u{3}", "SIGTERM"] {
        let mut terminal = open_top(&stack);
        wait_for_screen(&terminal, "the overview", |screen| has(screen, &["orders.create"]));
        if end == "SIGTERM" {
            let sent = Command::new("kill").args(["-TERM", &after(&terminal, "pid")]).status().unwrap();
            assert!(sent.success());
        } else {
            terminal.type_keys(end);
        }
        assert_restored(&mut terminal);
    }
}

#[test]
fn colours_are_off_with_no_color() {
    let stack = Stack::plan().without("orders-get").start();
    let with_missing_worker = |terminal: &Terminal| {
        wait_for_screen(terminal, "the missing worker", |screen| has(screen, &["orders.get ", " 0 "]));
        terminal.written()
    };
    // The foreground colour 1 of 256.
    let red = "38;5;1;";
    let written = with_missing_worker(&open_top(&stack));
    assert!(written.contains(red), "{written:?}");
    let lines = format!("NO_COLOR=1 exec {} top", program("signalbox").display());
    let written = with_missing_worker(&Terminal::open(&stack.command("signalbox"), 80, 24, &lines));
    assert!(!written.contains(red), "{written:?}");
}

#[test]
fn it_reconnects_to_the_broker() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).start();
    let mut terminal = open_top(&stack);
    wait_for_screen(&terminal, "the overview", |screen| has(screen, &["orders.create ", " 1 "]));
    servers.broker.server().stop();
    wait_for_screen(&terminal, "that the broker is unavailable", |screen| {
        has(screen, &["broker unavailable, reconnecting"])
    });
    servers.broker.server().start();
    wait_until("it had reconnected", seconds(60), || {
        let screen = terminal.screen(80, 24);
        has(&screen, &["signalbox top", "UTC"]) && has(&screen, &["orders.create ", " 1 "])
    });
    terminal.type_keys("q");
    assert_restored(&mut terminal);
    stack.wait_until_ready();
}

#[test]
fn without_a_terminal_or_a_broker_it_fails_with_advice() {
    let stack = Stack::start();
    let (code, output) = run_to_end(stack.command("signalbox").arg("top"));
    assert!(code == Some(64) && output.contains("--once"), "{code:?}: {output}");
    let mut command = stack.command("signalbox");
    let (code, output) = run_to_end(command.env("AMQP_URL", "amqp://127.0.0.1:1/%2f").args(["top", "--once"]));
    assert!(code == Some(69) && output.contains("cannot request the status"), "{code:?}: {output}");
}
