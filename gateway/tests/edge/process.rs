//! The process itself: settings that it refuses, its log, and how it stops.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Client, request};
use crate::gateway_fixture::PUBLIC_KEY_FILE;

/// How long a test waits for anything.
const DEADLINE: Duration = Duration::from_secs(20);
const KEY: (&str, &str) = ("GATEWAY_TOKEN_PUBLIC_KEY_FILE", PUBLIC_KEY_FILE);
const LOGIN: &str = r#"{"email":"ann@example.org","password":"x"}"#;

fn gateway(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.env_clear().env("GATEWAY_LISTEN", "127.0.0.1:0").env("GATEWAY_ADMIN_LISTEN", "127.0.0.1:0");
    // Nothing listens there.
    command.env("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f").env("LOG_FORMAT", "json");
    command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a process that should end by itself; its exit code and its standard error.
fn refused(settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut child = Killed(gateway(settings).spawn().unwrap());
    let code = child.ended();
    let mut said = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (code, said)
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Killed {
    /// Waits for the end of the process; its exit code.
    fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until(|| {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status?.code()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that serves.
struct Running {
    child: Killed,
    log: Log,
    public_address: SocketAddr,
    admin_address: SocketAddr,
}

impl Running {
    fn start(settings: &[(&str, &str)]) -> Self {
        let mut child = Killed(gateway(settings).spawn().unwrap());
        let log = Log::of(&mut child);
        let serving = log.wait_for("serving");
        let parsed = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
        Self { public_address: parsed("listen"), admin_address: parsed("admin_listen"), child, log }
    }

    fn signal(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }
}

/// Waits until `fact` is true.
fn until(mut fact: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !fact() {
        assert!(Instant::now() < give_up, "the condition never became true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The log of a process, as it is written.
struct Log(mpsc::Receiver<String>);

impl Log {
    fn of(child: &mut Killed) -> Self {
        let (sender, receiver) = mpsc::channel();
        let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self(receiver)
    }

    /// Reads up to the line with this message.
    fn wait_for(&self, message: &str) -> Value {
        loop {
            let line =
                self.0.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("no {message:?} in the log: {error}"));
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }
}

#[test]
fn a_wrong_setting_stops_the_process_with_its_name() {
    let private = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/test-only-private.pem");
    for (settings, starts, contains) in [
        (&[][..], "GATEWAY_TOKEN_PUBLIC_KEY_FILE", "openssl genpkey -algorithm ed25519"),
        (&[("GATEWAY_TOKEN_PUBLIC_KEY_FILE", "/nowhere.pem")], "GATEWAY_TOKEN_PUBLIC_KEY_FILE", "openssl pkey"),
        (&[("GATEWAY_TOKEN_PUBLIC_KEY_FILE", private)], "GATEWAY_TOKEN_PUBLIC_KEY_FILE", "no Ed25519 public key"),
        (&[("GATEWAY_AUTH", "mock"), ("GATEWAY_LISTEN", "0.0.0.0:0")], "GATEWAY_LISTEN", "loopback"),
        (&[("GATEWAY_AUTH", "none"), KEY], "GATEWAY_AUTH", ""),
        (&[("GATEWAY_LISTEN", "nowhere"), KEY], "GATEWAY_LISTEN", ""),
        (&[("GATEWAY_REQUEST_TIMEOUT_MS", "5s"), KEY], "GATEWAY_REQUEST_TIMEOUT_MS", "whole number"),
        (&[("GATEWAY_CORS_ORIGINS", "*"), KEY], "GATEWAY_CORS_ORIGINS", ""),
        (&[("AMQP_URL", "nowhere"), KEY], "AMQP_URL", ""),
    ] {
        let (code, said) = refused(settings);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.starts_with(&format!("error: {starts} ")) && said.contains(contains), "{said}");
    }
}

#[test]
fn a_taken_port_stops_the_process() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refused(&[("GATEWAY_LISTEN", &address), KEY]);
    assert!(code == Some(1) && said.contains(&address), "{said}");
}

#[test]
fn rejected_and_closed_connections_are_counted_in_the_log() {
    let gateway =
        Running::start(&[KEY, ("GATEWAY_CONNECTION_LIMIT", "1"), ("GATEWAY_LIMIT_CONNECTIONS_PER_ADDRESS", "2")]);
    let mut first = Client::to(gateway.public_address);
    first.request("GET", "/", &[], "").problem(404, "route_not_found");
    Client::to(gateway.public_address).request("GET", "/", &[], "").problem(404, "route_not_found");
    let closed = gateway.log.wait_for("closed idle connections to make room: GATEWAY_CONNECTION_LIMIT is reached");
    assert_eq!((&closed["level"], &closed["connections"]), (&"WARN".into(), &1.into()));
    let gateway = Running::start(&[KEY, ("GATEWAY_LIMIT_CONNECTIONS_PER_ADDRESS", "1")]);
    let (_first, mut second) = (Client::to(gateway.public_address), Client::to(gateway.public_address));
    assert_eq!(second.rest(), "");
    let refused =
        gateway.log.wait_for("rejected connections: their address has reached GATEWAY_LIMIT_CONNECTIONS_PER_ADDRESS");
    assert_eq!((&refused["level"], &refused["connections"]), (&"WARN".into(), &1.into()));
}

#[test]
fn clients_cannot_use_up_the_open_files() {
    let program = env!("CARGO_BIN_EXE_gateway");
    let limited = |files: u32| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {files} && exec {program}")]);
        let plain = gateway(&[KEY]);
        shell.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Killed(shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    let mut child = limited(64);
    let log = Log::of(&mut child);
    let warning = log.wait_for("GATEWAY_CONNECTION_LIMIT is lowered: raise the limit of open files (ulimit -n)");
    assert_eq!((&warning["open_files"], &warning["connection_limit"]), (&64.into(), &24.into()));
    let serving = log.wait_for("serving");
    let parsed = |name: &str| -> SocketAddr { serving[name].as_str().unwrap().parse().unwrap() };
    let idle: Vec<Client> = (0..70).map(|_| Client::to(parsed("listen"))).collect();
    Client::to(parsed("listen")).request("GET", "/", &[], "").problem(404, "route_not_found");
    assert_eq!(Client::to(parsed("admin_listen")).request("GET", "/livez", &[], "").status, 200);
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.0.id())).map(Iterator::count);
    assert!(open.is_ok_and(|open| open < 60), "descriptors are left for the broker");
    drop(idle);
    let mut child = limited(40);
    let mut said = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(
        (child.ended(), said.as_str()),
        (Some(1), "error: the limit of open files is 40 (ulimit -n), and the gateway needs at least 48: raise it\n")
    );
}

#[test]
fn a_drain_finishes_requests_and_accepts_no_new_ones() {
    // Longer than this test waits: the process must end because it is done, not because of the drain timeout.
    let mut gateway = Running::start(&[KEY, ("GATEWAY_DRAIN_MS", "60000")]);
    let (mut busy, mut idle) = (Client::to(gateway.public_address), Client::to(gateway.public_address));
    idle.request("GET", "/", &[], "").problem(404, "route_not_found");
    let (head, tail) = (request("POST", "/users/login", &["Content-Length: 42"], ""), LOGIN);
    busy.send(head.replace("\r\n\r\n", "\r\nContent-Type: application/json\r\n\r\n").as_bytes());
    busy.send(&tail.as_bytes()[..1]);

    gateway.signal();
    assert_eq!(idle.rest(), "");
    let readiness = Client::to(gateway.admin_address).request("GET", "/readyz", &[], "");
    assert_eq!((readiness.status, readiness.body.contains(r#""draining":true"#)), (503, true));
    until(|| std::net::TcpStream::connect(gateway.public_address).is_err());

    busy.send(&tail.as_bytes()[1..]);
    let response = busy.next();
    response.assert_sent_on();
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(gateway.child.ended(), Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut gateway = Running::start(&[KEY]);
    let mut busy = Client::to(gateway.public_address);
    busy.send(
        request("POST", "/users/login", &["Content-Length: 42", "Content-Type: application/json"], "").as_bytes(),
    );
    busy.send(b"{");
    let mut idle = Client::to(gateway.public_address);
    idle.request("GET", "/", &[], "").problem(404, "route_not_found");
    gateway.signal();
    assert_eq!(idle.rest(), "");
    gateway.signal();
    assert_eq!(gateway.child.ended(), Some(0));
    assert_eq!(busy.rest(), "");
}

#[test]
fn a_drain_ends_after_its_timeout() {
    let mut gateway = Running::start(&[KEY, ("GATEWAY_DRAIN_MS", "200")]);
    let mut busy = Client::to(gateway.public_address);
    busy.send(
        request("POST", "/users/login", &["Content-Length: 42", "Content-Type: application/json"], "").as_bytes(),
    );
    gateway.signal();
    assert_eq!(gateway.child.ended(), Some(0));
}

#[test]
fn a_request_is_one_line_in_the_log_without_its_secrets() {
    let gateway = Running::start(&[KEY]);
    let mut client = Client::to(gateway.public_address);
    let secret = "hunter2-hunter2";
    let body = format!(r#"{{"email":"{secret}@example.org","password":"{secret}"}}"#);
    let headers = ["X-Request-Id: r-1", &format!("Authorization: Bearer {secret}")];
    client.request("POST", &format!("/users/login?token={secret}"), &headers, &body).assert_sent_on();
    client.request("GET", &format!("/orders/{secret}"), &headers, "").problem(401, "invalid_token");
    let line = gateway.log.wait_for("request");
    assert_eq!(line["level"], "WARN");
    for (field, value) in [
        ("method", Value::from("POST")),
        ("route", "/users/login".into()),
        ("pattern", "users.login".into()),
        ("status", 503.into()),
        ("request_id", "r-1".into()),
        ("code", "broker_unavailable".into()),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert!(line["duration_ms"].is_f64());
    let second = gateway.log.wait_for("request");
    assert_eq!((&second["level"], &second["route"]), (&"INFO".into(), &"/orders/{id}".into()));
    assert!(!line.to_string().contains(secret) && !second.to_string().contains(secret));
}

/// A serving process and the pipe of its log, which is no longer read.
fn unread() -> (Killed, BufReader<std::process::ChildStdout>, SocketAddr, SocketAddr) {
    let mut child = Killed(gateway(&[KEY]).spawn().unwrap());
    let mut log = BufReader::new(child.0.stdout.take().unwrap());
    let serving: Value = loop {
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["message"] == "serving" {
            break line;
        }
    };
    let parsed = |name: &str| serving[name].as_str().unwrap().parse().unwrap();
    (child, log, parsed("listen"), parsed("admin_listen"))
}

fn terminate(child: &Killed) {
    assert!(Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap().success());
}

#[test]
fn an_unread_log_delays_no_request_and_later_counts_its_lost_lines() {
    let (mut child, log, public_address, admin_address) = unread();
    let mut client = Client::to(public_address);
    let many = request("GET", "/", &[&format!("X-Request-Id: {}", "x".repeat(64))], "").repeat(100);
    // More than fits into the pipe and the buffer of the process.
    for _ in 0..100 {
        client.send(many.as_bytes());
        (0..100).for_each(|_| drop(client.next().problem(404, "route_not_found")));
    }
    assert_eq!(Client::to(admin_address).request("GET", "/livez", &[], "").status, 200);
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut counted = 0;
    let lost = lines.inspect(|line| counted += u64::from(line["message"] == "request")).find_map(|line| {
        let matches = line["message"] == "log lines were dropped: the reader of the log is too slow";
        matches.then(|| line["lines"].as_u64().unwrap())
    });
    // The log may also hold lines about the missing broker.
    assert!(lost.is_some_and(|lost| lost > 0 && lost + counted < 10_050), "{lost:?} lost, {counted} read");
    terminate(&child);
    assert_eq!(child.ended(), Some(0));
}

#[test]
fn a_process_stops_cleanly_although_nobody_reads_its_log() {
    let (mut child, _log, public_address, _) = unread();
    let mut client = Client::to(public_address);
    for _ in 0..5 {
        client.send(request("GET", "/", &[], "").repeat(100).as_bytes());
        (0..100).for_each(|_| drop(client.next().problem(404, "route_not_found")));
    }
    drop(client);
    terminate(&child);
    assert_eq!(child.ended(), Some(0));
}

#[test]
fn a_process_continues_when_both_its_output_streams_are_closed() {
    let (mut child, log, public_address, _) = unread();
    drop((log, child.0.stderr.take()));
    let mut client = Client::to(public_address);
    for _ in 0..10 {
        client.request("GET", "/", &[], "").problem(404, "route_not_found");
    }
    drop(client);
    terminate(&child);
    assert_eq!(child.ended(), Some(0));
}

#[test]
fn closed_output_streams_do_not_change_the_exit_code() {
    let mut child = Killed(gateway(&[]).spawn().unwrap());
    drop((child.0.stdout.take(), child.0.stderr.take()));
    assert_eq!(child.ended(), Some(64));
}

#[test]
fn mock_mode_warns_and_accepts_any_token() {
    let mut child = Killed(gateway(&[("GATEWAY_AUTH", "mock"), ("GATEWAY_THREADS", "2")]).spawn().unwrap());
    let log = Log::of(&mut child);
    let warning = log.wait_for("GATEWAY_AUTH=mock: any well-formed token is accepted, whoever signed it");
    assert_eq!(warning["level"], "WARN");
    let public_address = log.wait_for("serving")["listen"].as_str().unwrap().parse().unwrap();
    let token = "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.";
    Client::to(public_address).request("GET", "/users/profile", &[token], "").assert_sent_on();
}
