//! Every program has a help, checks its settings on request, and refuses unknown arguments, without connecting to
//! anything.

use std::process::{Command, Output, Stdio};

use contracts::naming::process_name;
use contracts::{LISTENERS, PATTERNS};
use system_tests::environment::{command, program, scratch};
use system_tests::token::keys;

/// Every program that runs by itself.
pub(super) fn programs() -> Vec<String> {
    let workers = PATTERNS.into_iter().chain(LISTENERS.iter().map(|listener| listener.name)).map(process_name);
    let others = ["gateway", "scaler", "users-relay", "orders-relay", "users-migrate", "orders-migrate"];
    workers.chain(others.map(Into::into)).collect()
}

/// A program with settings that are fine, and with servers that nobody could reach.
pub(super) fn started(name: &str) -> Command {
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
pub(super) fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn every_program_has_a_help_and_a_version() {
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
            if arguments == ["--verison"] {
                assert!(complained.contains("--version"), "{name} does not guess: {complained}");
            }
        }
    }
}

#[test]
fn check_config_checks_settings_and_connects_to_nothing() {
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
        let near = "warning: no setting is called LOG_FROMAT; it is ignored; did you mean LOG_FORMAT?\n";
        assert_eq!((code, complained.as_str()), (Some(0), near), "{name}");
    }
}

#[test]
fn the_operators_tool_warns_of_a_misspelt_setting() {
    let (code, said, complained) = ended(started("signalbox").args(["accounts"]).env("AMQP_ULR", "x"));
    assert!(code == Some(0) && said.contains("orders-create"), "{said}");
    assert_eq!(complained, "warning: no setting is called AMQP_ULR; it is ignored; did you mean AMQP_URL?\n");
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
        ("orders-get", "LOG_JSON_FILE", "/none/orders-get.json"),
        ("orders-get", "LOG_JSON_FILE", "/dev/stdout"),
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
fn all_wrong_settings_are_reported_at_once_with_value_and_source() {
    let file = scratch().join("data").join("wrong.toml");
    std::fs::write(&file, "[worker]\nprefetch = 0\ndrain = 5\n[gateway]\nlisten = \"here\"\nthreads = 0\n").unwrap();
    let path = file.to_str().unwrap();
    let in_file = |key: &str, table: &str| format!("error: {key} in [{table}] of {path} (");
    let wrong = |name: &str, settings: &[(&str, &str)], mut lines: Vec<String>| {
        let mut command = started(name);
        command.env("CONFIG_FILE", path).env("LOG_FILTER", "gateway=loudest").envs(settings.iter().copied());
        let (code, said, complained) = ended(command.arg("--check-config"));
        assert_eq!((code, said.as_str()), (Some(64), ""), "{name}: {complained}");
        assert!(!complained.contains("hunter2"), "{name}: {complained}");
        for line in complained.lines() {
            let told = lines.iter().position(|wanted| line.starts_with(wanted.as_str()));
            lines.remove(told.unwrap_or_else(|| panic!("{name} said more than wanted: {line}")));
        }
        assert!(lines.is_empty(), "{name} did not say: {lines:?}\n{complained}");
    };
    let url = ("AMQP_URL", "amqp://me:hunter2@host:port/%2f");
    let both = |more: &[&str]| -> Vec<String> {
        let common = ["error: LOG_FILTER is \"gateway=loudest\": it must", "error: AMQP_URL must be like amqp://"];
        common.iter().chain(more).map(|line| (*line).to_owned()).collect()
    };
    let mut lines = both(&[
        "error: USERS_DATABASE_URL must be like postgres://",
        "error: USERS_TOKEN_TTL_S is 0: it must",
        "error: USERS_TOKEN_PRIVATE_KEY_FILE names /none.pem, which cannot be used",
        "error: USERS_PASSWORD_MEMORY_KIB is 4294967295: it must",
        "error: USERS_PASSWORD_ITERATIONS is \"many\": it must",
    ]);
    lines.extend([in_file("prefetch", "worker"), in_file("drain", "worker")]);
    let settings = [
        url,
        ("USERS_DATABASE_URL", "postgres://me:hunter2@host:port/users"),
        ("USERS_TOKEN_TTL_S", "0"),
        ("USERS_TOKEN_PRIVATE_KEY_FILE", "/none.pem"),
        ("USERS_PASSWORD_MEMORY_KIB", "4294967295"),
        ("USERS_PASSWORD_ITERATIONS", "many"),
    ];
    wrong("users-login", &settings, lines);
    let mut lines = both(&["error: GATEWAY_CORS_ORIGINS contains", "error: EVENTS_RETRY_MS is \"soon\": it must"]);
    lines.push("error: GATEWAY_TOKEN_PUBLIC_KEY_FILE names".into());
    lines.push("error: GATEWAY_LIMIT_LOGIN_FAILURE_WINDOW_S is 0".into());
    lines.extend([in_file("listen", "gateway"), in_file("threads", "gateway")]);
    let settings = [
        url,
        ("GATEWAY_CORS_ORIGINS", "*"),
        ("EVENTS_RETRY_MS", "soon"),
        ("GATEWAY_TOKEN_PUBLIC_KEY_FILE", "/none.pem"),
        ("GATEWAY_LIMIT_LOGIN_FAILURE_WINDOW_S", "0"),
    ];
    wrong("gateway", &settings, lines);
}

#[test]
fn the_former_name_of_the_operators_tool_still_works_and_says_so() {
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
