//! A process with an invalid setting does not start: exit code 64, and a message that names the variable.

use std::io::Read;
use std::process::{Output, Stdio};
use std::time::Duration;

use contracts::PATTERNS;
use contracts::naming::process_name;
use system_tests::environment::{command, program, scratch};
use system_tests::token::keys;
use system_tests::wait::seconds;
use system_tests::wait_for;

/// Runs a program with valid settings, except for these, until it ends.
#[track_caller]
fn run(name: &str, settings: &[(&str, &str)]) -> Output {
    let mut command = command(program(name));
    let file = |name: &str| keys().join(name);
    command
        .env("GATEWAY_LISTEN", "127.0.0.1:0")
        .env("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0")
        .env("GATEWAY_TOKEN_PUBLIC_KEY_FILE", file("public.pem"))
        .env("USERS_TOKEN_PRIVATE_KEY_FILE", file("private.pem"))
        .env("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f")
        .env("USERS_DATABASE_URL", "postgres://postgres@127.0.0.1:1/users")
        .env("ORDERS_DATABASE_URL", "postgres://postgres@127.0.0.1:1/orders")
        .envs(settings.iter().copied());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let limit = Duration::from_secs(5);
    let begun = std::time::Instant::now();
    let ended = wait_for("the process ended, or went on for too long", limit * 2, || {
        if begun.elapsed() > limit {
            child.kill().unwrap();
        }
        child.try_wait().unwrap()
    });
    let mut output = Output { status: ended, stdout: Vec::new(), stderr: Vec::new() };
    child.stdout.unwrap().read_to_end(&mut output.stdout).unwrap();
    child.stderr.unwrap().read_to_end(&mut output.stderr).unwrap();
    output
}

/// Expects exit code 64 and one sentence that begins with the problem; returns the sentence.
#[track_caller]
fn refused(name: &str, settings: &[(&str, &str)], variable: &str) -> String {
    let output = run(name, settings);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{name} {settings:?}: {said}");
    assert!(said.contains(variable) && said.trim().lines().count() == 1, "{name} {settings:?}: {said}");
    said
}

#[test]
fn a_value_that_does_not_fit_stops_the_gateway() {
    for (variable, value) in [
        ("GATEWAY_LISTEN", "nowhere"),
        ("GATEWAY_LISTEN", "localhost:3003"),
        ("GATEWAY_LISTEN", "127.0.0.1:70000"),
        ("GATEWAY_ADMIN_LISTEN", ""),
        ("GATEWAY_AUTH", "perhaps"),
        ("GATEWAY_REQUEST_TIMEOUT_MS", "soon"),
        ("GATEWAY_REQUEST_TIMEOUT_MS", "0"),
        ("GATEWAY_REQUEST_TIMEOUT_MS", "-5"),
        ("GATEWAY_IN_FLIGHT_PER_PATTERN", "many"),
        ("GATEWAY_CORS_ORIGINS", "*"),
        ("GATEWAY_TOKEN_PUBLIC_KEY_FILE", "/nonexistent.pem"),
        ("AMQP_URL", "http://127.0.0.1"),
        ("LOG_FORMAT", "pretty"),
        ("LOG_FILTER", "gateway=loudest"),
        ("CONFIG_FILE", "/nonexistent.toml"),
    ] {
        refused("gateway", &[(variable, value)], variable);
    }
}

#[test]
fn a_value_that_does_not_fit_stops_every_worker() {
    for name in PATTERNS.map(process_name) {
        let database = if name.starts_with("users") { "USERS_DATABASE_URL" } else { "ORDERS_DATABASE_URL" };
        for (variable, value) in [
            ("AMQP_URL", "localhost"),
            (database, "not an address"),
            (database, "postgres://u@127.0.0.1:1/d?sslmode=require"),
            (database, "postgres://u@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/nonexistent.pem"),
            ("AMQP_URL", "amqps://u@127.0.0.1:1/%2f?cacertfile=/nonexistent.pem"),
            ("WORKER_PREFETCH", "0"),
            ("WORKER_PREFETCH", "lots"),
            ("WORKER_DRAIN_MS", "1.5"),
            ("LOG_FORMAT", "pretty"),
        ] {
            refused(&name, &[(variable, value)], variable);
        }
    }
    for name in ["users-migrate", "orders-migrate"] {
        let database = if name.starts_with("users") { "USERS_DATABASE_URL" } else { "ORDERS_DATABASE_URL" };
        refused(name, &[(database, "not an address")], database);
    }
}

#[test]
fn a_process_without_its_key_says_how_to_make_one() {
    let not_a_key = scratch().join("data").join("not-a-key.pem");
    std::fs::write(&not_a_key, "-----BEGIN NOTHING-----\n").unwrap();
    let not_a_key = not_a_key.to_str().unwrap();
    for (name, variable) in [
        ("gateway", "GATEWAY_TOKEN_PUBLIC_KEY_FILE"),
        ("users-register", "USERS_TOKEN_PRIVATE_KEY_FILE"),
        ("users-login", "USERS_TOKEN_PRIVATE_KEY_FILE"),
    ] {
        for file in ["", "/nonexistent/key.pem", not_a_key] {
            let said = refused(name, &[(variable, file)], variable);
            assert!(said.contains("openssl genpkey -algorithm ed25519"), "{name} with {file:?}: {said}");
        }
    }
    // The other half of the pair is no substitute.
    let (private, public) = (keys().join("private.pem"), keys().join("public.pem"));
    refused(
        "users-login",
        &[("USERS_TOKEN_PRIVATE_KEY_FILE", public.to_str().unwrap())],
        "USERS_TOKEN_PRIVATE_KEY_FILE",
    );
    refused(
        "gateway",
        &[("GATEWAY_TOKEN_PUBLIC_KEY_FILE", private.to_str().unwrap())],
        "GATEWAY_TOKEN_PUBLIC_KEY_FILE",
    );
}

#[test]
fn mock_mode_does_not_open_to_the_network() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let said = refused("gateway", &[("GATEWAY_AUTH", "mock"), ("GATEWAY_LISTEN", listen)], "GATEWAY_LISTEN");
        assert!(said.contains("mock"), "{said}");
    }
}

#[test]
fn a_secret_may_be_read_from_a_file() {
    let file = scratch().join("data").join("amqp-url");
    std::fs::write(&file, "amqp://me:hunter2@host:port/%2f\n").unwrap();
    let mut command = command(program("orders-get"));
    let output = command.env("AMQP_URL_FILE", &file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(64) && said.contains("AMQP_URL") && !said.contains("hunter2"), "{said}");
    refused("orders-get", &[("AMQP_URL_FILE", file.to_str().unwrap())], "AMQP_URL is given twice");
    std::fs::remove_file(&file).unwrap();
    let output = self::command(program("orders-get")).env("AMQP_URL_FILE", &file).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("AMQP_URL_FILE"), "the variable is named");
}

#[test]
fn no_error_message_quotes_a_password() {
    let secret = "hunter2";
    for (name, variable, value) in [
        ("gateway", "AMQP_URL", "amqp://me:hunter2@host:port/%2f"),
        ("orders-get", "AMQP_URL", "ampq://me:hunter2@host:5672/%2f"),
        ("orders-get", "ORDERS_DATABASE_URL", "postgres://me:hunter2@host:port/orders"),
        ("orders-migrate", "ORDERS_DATABASE_URL", "postgres://me:hunter2@host/orders?hunter2=1"),
    ] {
        let said = refused(name, &[(variable, value)], variable);
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn the_environment_overrides_a_settings_file_and_both_are_checked() {
    let file = scratch().join("data").join("settings.toml");
    let with = |text: &str, more: &[(&str, &str)], complaint: &str| {
        std::fs::write(&file, text).unwrap();
        let mut settings = vec![("CONFIG_FILE", file.to_str().unwrap())];
        settings.extend(more);
        refused("gateway", &settings, complaint)
    };
    with("[gateway]\nrequest_timeout_ms = \"soon\"\n", &[], "GATEWAY_REQUEST_TIMEOUT_MS");
    with("[gateway]\nrequest_timeout_mss = 5\n", &[], "request_timeout_mss");
    with("[gateway\n", &[], "CONFIG_FILE");
    // The file's value would do; the environment's counts.
    with("[gateway]\nrequest_timeout_ms = 5\n", &[("GATEWAY_REQUEST_TIMEOUT_MS", "0")], "GATEWAY_REQUEST_TIMEOUT_MS");
}

#[test]
fn a_taken_port_and_a_wrong_setting_are_different_failures() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run("gateway", &[("GATEWAY_LISTEN", &address)]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn a_misspelt_variable_causes_a_warning() {
    let stack = system_tests::Stack::plan().set("GATEWAY_REQEST_TIMEOUT_MS", "5").set("WORKER_PREFECH", "5").start();
    for (name, variable) in [("gateway", "GATEWAY_REQEST_TIMEOUT_MS"), ("orders-get", "WORKER_PREFECH")] {
        let warned = || stack.process(name).log().lines().any(|line| line.contains("WARN") && line.contains(variable));
        system_tests::wait_until("the variable was warned of", seconds(2), warned);
    }
}
