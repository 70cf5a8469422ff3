//! Every program says what it is, checks its settings when asked, and refuses an argument that it does not know, without
//! connecting to anything.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use contracts::naming::process_name;
use contracts::{LISTENERS, PATTERNS};
use system_tests::environment::{command, program, repository};
use system_tests::token::keys;

/// Every program that runs by itself.
fn programs() -> Vec<String> {
    let workers = PATTERNS.into_iter().chain(LISTENERS.iter().map(|listener| listener.name)).map(process_name);
    let others = ["gateway", "users-relay", "orders-relay", "users-migrate", "orders-migrate"];
    workers.chain(others.map(Into::into)).collect()
}

/// A program with settings that are fine, and with servers that nobody could reach.
fn started(name: &str) -> Command {
    let mut command = command(program(name));
    command
        .env("GATEWAY_TOKEN_PUBLIC_KEY_FILE", keys().join("public.pem"))
        .env("USERS_TOKEN_PRIVATE_KEY_FILE", keys().join("private.pem"))
        .env("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f")
        .env("USERS_DATABASE_URL", "postgres://postgres@127.0.0.1:1/users")
        .env("ORDERS_DATABASE_URL", "postgres://postgres@127.0.0.1:1/orders")
        .stdin(Stdio::null());
    command
}

/// Its exit code, what it said and what it complained of.
fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn every_program_says_what_it_is() {
    for name in programs().iter().map(String::as_str).chain(["signalbox"]) {
        let (code, said, complained) = ended(started(name).arg("--version"));
        assert_eq!((code, complained.as_str()), (Some(0), ""), "{name}");
        let version = said.strip_prefix(&format!("{name} 0.1.0 (")).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(version.ends_with(")\n") && version.len() > 3 && !version.contains("unknown"), "{name}: {said}");
        let (code, said, complained) = ended(started(name).arg("--help"));
        assert_eq!((code, complained.as_str()), (Some(0), ""), "{name}");
        for word in [name, "Usage:", "--version", "Examples:", "Exit codes:", "docs/configuration.md"] {
            assert!(said.contains(word), "{name} lacks {word}: {said}");
        }
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{name}: {said}");
    }
}

#[test]
fn an_unknown_argument_starts_nothing() {
    for name in programs().iter().map(String::as_str).chain(["signalbox"]) {
        for arguments in [&["--verison"][..], &["serve"], &[""], &["--", "x"], &["--check-config", "--port=1"]] {
            let (code, said, complained) = ended(started(name).args(arguments));
            assert_eq!((code, said.as_str()), (Some(64), ""), "{name} {arguments:?}: {complained}");
            assert!(complained.starts_with("error: "), "{name} {arguments:?}: {complained}");
        }
    }
}

#[test]
fn settings_are_checked_and_nothing_is_reached() {
    for name in programs() {
        let (code, said, complained) = ended(started(&name).arg("--check-config"));
        let fine = (Some(0), "the settings are fine\n", "");
        assert_eq!((code, said.as_str(), complained.as_str()), fine, "{name}");
        for (variable, value) in [("LOG_FORMAT", "pretty"), ("LOG_FILTER", "gateway=loudest"), ("CONFIG_FILE", "/none")]
        {
            let (code, _, complained) = ended(started(&name).arg("--check-config").env(variable, value));
            assert!(code == Some(64) && complained.contains(variable), "{name} {variable}: {complained}");
        }
        let (code, _, complained) = ended(started(&name).arg("--check-config").env("LOG_FROMAT", "json"));
        assert!(code == Some(0) && complained.contains("LOG_FROMAT"), "{name}: {complained}");
    }
}

#[test]
fn the_files_that_settings_name_are_checked_too() {
    for (name, variable, file) in [
        ("gateway", "GATEWAY_TOKEN_PUBLIC_KEY_FILE", "/none.pem"),
        ("gateway", "AMQP_URL", "amqps://h/%2f?cacertfile=/none.pem"),
        ("users-login", "USERS_TOKEN_PRIVATE_KEY_FILE", "/none.pem"),
        ("users-login", "USERS_DATABASE_URL", "postgres://u@h/d?sslmode=verify-full&sslrootcert=/none.pem"),
        ("users-relay", "USERS_DATABASE_URL_FILE", "/none.pem"),
        ("orders-migrate", "ORDERS_DATABASE_URL", "postgres://u@h/d?sslmode=verify-full&sslrootcert=/none.pem"),
        ("users-on-order-created", "EVENTS_RETRY_MS", "soon"),
    ] {
        let mut command = started(name);
        if let Some(given) = variable.strip_suffix("_FILE") {
            command.env_remove(given);
        }
        let (code, said, complained) = ended(command.arg("--check-config").env(variable, file));
        assert_eq!((code, said.as_str()), (Some(64), ""), "{name} {variable}: {complained}");
        assert!(complained.contains(variable), "{name} {variable}: {complained}");
    }
}

#[test]
fn the_documentation_has_every_setting_with_its_default() {
    let text = std::fs::read_to_string(repository().join("docs/configuration.md")).unwrap();
    // A row of a table: | `NAME` | `default` | meaning |
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>();
    let rows = text.lines().filter(|line| line.starts_with("| `")).map(cells);
    let documented: BTreeSet<String> = rows.map(|cells| format!("{}={}", cells[1], cells[2])).collect();
    let mut there = BTreeSet::new();
    for name in programs() {
        let (code, said, complained) = ended(started(&name).arg("--list-settings"));
        assert_eq!((code, complained.as_str()), (Some(0), ""), "{name}");
        there.extend(said.lines().map(str::to_owned));
    }
    let missing: Vec<_> = there.difference(&documented).collect();
    let superfluous: Vec<_> = documented.difference(&there).collect();
    assert!(missing.is_empty() && superfluous.is_empty(), "missing: {missing:#?}, superfluous: {superfluous:#?}");
}

#[test]
fn the_former_name_of_the_operators_tool_says_so_to_a_person_and_does_the_same() {
    for arguments in [&["man"][..], &["completions", "bash"], &["status", "--json"], &["--version"]] {
        assert_eq!(ended(started("bus").args(arguments)), ended(started("signalbox").args(arguments)), "{arguments:?}");
    }
    let terminal = |name: &str| {
        let line = format!("{} --version", program(name).display());
        ended(command("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null())).1
    };
    assert!(terminal("bus").contains("bus is called signalbox now"));
    assert!(!terminal("signalbox").contains("bus"));
}
