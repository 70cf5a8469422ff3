//! `signalbox` at a terminal and in scripts: colours, progress, completions, output that fits, exit codes, and clean
//! connections in the broker's log.

use std::process::Command;

use serde_json::Value;
use system_tests::environment::{command, program, programs, repository, run_to_end};
use system_tests::raw_amqp::RawAmqp;
use system_tests::wait::seconds;
use system_tests::{Message, Servers, Stack, wait_until};

const LISTENER: &str = "users.on_order_created";
const DEAD: &str = "users.on_order_created.dead";

fn signalbox(arguments: &str) -> (Option<i32>, String) {
    run_to_end(command(program("signalbox")).args(arguments.split(' ')))
}

/// What a person at a terminal of 80 columns sees, and how it ended. `script` makes the terminal.
fn at_a_terminal(stack: &Stack<'_>, arguments: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let tool = stack.command("signalbox");
    let mut command = command("script");
    command.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm-256color").envs(environment.iter().copied());
    let line = format!("stty cols 80 rows 24; exec {} {arguments}", program("signalbox").display());
    run_to_end(command.args(["-qec", &line, "/dev/null"]))
}

fn bury(stack: &Stack<'_>, count: u32) {
    for n in 0..count {
        stack.wire().send(&Message::new(DEAD, format!("{{\"n\":{n}}}")).without_reply());
    }
    wait_until("they were dead", seconds(10), || stack.wire().queue(DEAD).unwrap().ready == count);
}

#[test]
fn completions_and_the_manual_page_are_valid() {
    let (code, script) = signalbox("completions bash");
    assert_eq!(code, Some(0));
    for (typed, wanted) in [("dead re", "redrive"), ("dead redrive --ra", "--rate"), ("topo", "topology")] {
        let words: Vec<&str> = typed.split(' ').collect();
        let try_it = format!(
            "{script}\nCOMP_WORDS=(signalbox {typed}); COMP_CWORD={}; _signalbox signalbox {}; echo \"${{COMPREPLY[*]}}\"",
            words.len(),
            words.last().unwrap()
        );
        assert_eq!(run_to_end(Command::new("bash").args(["-c", &try_it])), (Some(0), format!("{wanted}\n")), "{typed}");
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let (code, script) = signalbox(&format!("completions {shell}"));
        assert!(code == Some(0) && script.contains("redrive"), "{shell}: {script}");
    }
    let (code, page) = signalbox("man");
    assert!(code == Some(0) && page.contains(".TH signalbox 1"), "{page}");
    for command in ["dead list", "dead redrive", "topology apply", "accounts", "why", "status", "top", "log-level"] {
        assert!(page.contains(&format!("signalbox {command}")), "the page lacks {command}: {page}");
    }
}

#[test]
fn permissions_fit_a_terminal_and_equal_those_of_json() {
    let (code, text) = signalbox("accounts");
    assert_eq!(code, Some(0));
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    // Put together again, what is in the lines are the expressions.
    let joined: String = text.lines().map(str::trim).collect();
    let (_, json) = signalbox("accounts --json");
    let json: Value = serde_json::from_str(&json).unwrap();
    for permission in json["permissions"].as_array().unwrap() {
        for right in ["configure", "write", "read"] {
            let expression = permission[right].as_str().unwrap();
            assert!(joined.contains(expression), "{right} {expression}");
        }
    }
}

#[test]
fn colours_and_progress_are_for_a_terminal_without_no_color() {
    let stack = Stack::plan().with_events().start();
    bury(&stack, 4);
    let (code, said) = at_a_terminal(&stack, "dead list", &[]);
    assert!(code == Some(0) && said.contains("\u{1b}[1m\u{1b}[31m4"), "what is dead is red: {said:?}");
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (_, said) = at_a_terminal(&stack, "dead list", &[environment]);
        assert!(said.contains(LISTENER) && !said.contains('\u{1b}'), "{environment:?}: {said:?}");
    }
    let redrive = format!("dead redrive {LISTENER} --limit 3 --rate 4");
    let (code, said) = at_a_terminal(&stack, &redrive, &[]);
    assert!(code == Some(0) && said.contains(" of 3, at most 4/s"), "it counts to the limit: {said:?}");
    assert!(said.contains("3 dead messages redriven"), "{said:?}");
    // Without a terminal there is the result, and nothing else.
    let (code, said) = run_to_end(stack.command("signalbox").args(["dead", "redrive", LISTENER, "--limit", "1"]));
    assert_eq!((code, said), (Some(0), format!("{LISTENER}: 1 dead message redriven\n")));
}

#[test]
fn a_script_can_rely_on_exit_codes() {
    const SCRIPT: &str = r#"
        set -eu
        PATH=$BIN:$PATH
        expect() {
            wanted=$1; shift; code=0
            "$@" >/dev/null 2>&1 || code=$?
            if [ $code -ne $wanted ]; then echo "$*: $code instead of $wanted"; exit 1; fi
        }
        expect 0 signalbox --help
        expect 0 signalbox dead list --check
        expect 0 signalbox topology check
        expect 0 signalbox dead redrive users.on_order_created
        expect 64 signalbox
        expect 64 signalbox dead list --chekc
        expect 64 env EVENTS_RETRY_MS=soon signalbox dead list
        expect 64 signalbox dead drop users.on_order_created </dev/null
        expect 69 env AMQP_URL=amqp://127.0.0.1:1/%2f signalbox dead list
        expect 69 env ORDERS_DATABASE_URL=postgres://127.0.0.1:1/orders signalbox why x
        expect 77 env AMQP_URL="$REFUSED" signalbox dead list
        expect 1 signalbox why unknown
        expect 1 signalbox dead redrive users.on_order_created --id unknown
        expect 74 sh -c 'exec signalbox dead list >/dev/full'
        signalbox dead list --json | jq -e '.listeners | length > 0' >/dev/null
        if signalbox status --check >/dev/null; then echo fine; else echo "not well: $?"; fi
    "#;
    let stack = Stack::plan().with_events().start();
    let [port, _] = Servers::shared().broker.ports();
    let run = || {
        let tool = stack.command("signalbox");
        let mut script = command("bash");
        script.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.env("BIN", programs()).env("REFUSED", format!("amqp://guest:wrong@127.0.0.1:{port}/%2f"));
        run_to_end(script.args(["-c", SCRIPT]))
    };
    wait_until("all was well", seconds(20), || {
        run_to_end(stack.command("signalbox").args(["status", "--check"])).0 == Some(0)
    });
    assert_eq!(run(), (Some(0), "fine\n".into()));
    bury(&stack, 1);
    let (code, said) = run_to_end(stack.command("signalbox").args(["dead", "list", "--check"]));
    assert!(code == Some(1) && said.contains(LISTENER), "{said}");
}

#[test]
fn the_documentation_has_the_exit_codes_of_the_help_and_of_the_manual() {
    let codes_of = |program: &str, argument: &str| -> Vec<String> {
        let (_, text) = run_to_end(command(self::program(program)).arg(argument));
        let (_, table) = text.split_once("Exit codes:\n").unwrap();
        let first_words = table.lines().filter_map(|line| line.split_whitespace().next());
        let mut codes: Vec<String> = first_words.filter(|word| word.parse::<u8>().is_ok()).map(Into::into).collect();
        codes.sort();
        codes
    };
    let document = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let (_, section) = document.split_once("### Exit codes\n").unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("| 0 |")).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
    for (column, name, argument) in [(2, "signalbox", "--help"), (2, "signalbox", "man"), (3, "gateway", "--help")] {
        let documented = rows.iter().filter(|row| !row[column].is_empty()).map(|row| row[1]);
        assert_eq!(codes_of(name, argument), documented.collect::<Vec<_>>(), "{name} {argument}");
    }
}

#[test]
fn the_brokers_log_has_no_unclean_end_of_a_command() {
    let stack = Stack::plan().with_events().start();
    let broker = Servers::shared().broker.server();
    // Connections of this vhost that ended without a farewell, by their names.
    let unclean = || -> Vec<String> {
        let log = broker.log();
        let mut lines = log.lines().peekable();
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            let ended =
                |text: &str| text.contains("unexpectedly closed") || text.contains("connection_closed_abruptly");
            let here = line.contains("connection") && line.contains(&format!("vhost: '{}'", stack.vhost()));
            if here && (ended(line) || lines.peek().is_some_and(|next| ended(next))) {
                found.push(line.to_owned());
            }
        }
        found
    };
    bury(&stack, 2);
    let order = stack.register().place("x");
    let why = format!("why {}", order["id"].as_str().unwrap());
    let (dropping, show) = (format!("dead drop {LISTENER} --yes --limit 1"), format!("dead show {DEAD}"));
    let redrive = format!("dead redrive {LISTENER}");
    for arguments in [
        "dead list",
        &show,
        &dropping,
        &redrive,
        "dead list --check",
        "topology check",
        "topology apply",
        "status",
        &why,
        "why x",
    ] {
        let (code, said) = run_to_end(stack.command("signalbox").args(arguments.split(' ')));
        assert!(code.is_some_and(|code| code <= 1), "{arguments}: {said}");
    }
    // This connection breaks: once the log has that, it has everything before.
    let url = stack.address_of("bus");
    let mut rude = RawAmqp::at(&url);
    assert!(rude.publish("", b"orders.get", &[0, 0], b"{}"));
    drop(rude);
    wait_until("the log had the broken connection", seconds(20), || !unclean().is_empty());
    let unclean = unclean();
    assert_eq!(unclean.len(), 1, "{unclean:#?}");
}
