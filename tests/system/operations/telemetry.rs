//! The status of processes: over the broker to permitted clients, and through the gateway to Prometheus.

use std::collections::BTreeSet;
use std::fs;

use contracts::naming::process_name;
use contracts::{LISTENERS, PATTERNS};
use serde_json::Value;
use system_tests::environment::{command, need, repository, scratch};
use system_tests::raw_amqp::RawAmqp;
use system_tests::wait::seconds;
use system_tests::{Http, Process, Signal, Stack, ports, wait_for, wait_until};

fn everybody() -> Vec<(&'static str, &'static str)> {
    let workers = PATTERNS.into_iter().map(|name| (name, "worker"));
    let listeners = LISTENERS.iter().map(|listener| (listener.name, "listener"));
    let others = [("users.relay", "relay"), ("orders.relay", "relay"), ("gateway", "gateway")];
    workers.chain(listeners).chain(others).collect()
}

/// The series of a metric that have all these labels, with their values.
fn series<'t>(metrics: &'t str, name: &str, labels: &[(&str, &str)]) -> Vec<(&'t str, f64)> {
    let of_it = metrics.lines().filter_map(|line| line.rsplit_once(' ')).filter(|(series, _)| {
        let is_it = series.split_once('{').map_or(*series, |(name, _)| name) == name;
        is_it && labels.iter().all(|(label, value)| series.contains(&format!("{label}=\"{value}\"")))
    });
    of_it.map(|(series, value)| (series, value.parse().unwrap())).collect()
}

fn instances(stack: &Stack<'_>, pattern: &str) -> usize {
    series(&stack.metrics(), "signalbox_build_info", &[("pattern", pattern)]).len()
}

#[test]
fn every_process_reports_its_description_and_its_status() {
    let stack = Stack::plan().with_events().start();
    for (name, kind) in everybody() {
        let told = stack.wire().request_status(&format!("describe.{name}"))["response"].clone();
        assert_eq!((&told["name"], &told["kind"]), (&Value::from(name), &Value::from(kind)), "{told}");
        assert!(told["version"].as_str().is_some_and(|version| version.starts_with("0.1.0 (")), "{told}");
        assert!(told["startedAt"].is_string() && told["host"].is_string(), "{told}");
        let pids: Vec<u64> = stack.all(&process_name(name)).iter().map(|process| process.pid().into()).collect();
        assert_eq!(pids, [told["pid"].as_u64().unwrap()], "{name}");
        let stats = stack.wire().request_status(&format!("stats.{name}"))["response"].clone();
        assert_eq!((&stats["process"], &stats["instance"]), (&told, &told["instance"]), "{stats}");
        assert!(stats["work"]["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{stats}");
    }
    let person = stack.register();
    person.place("x");
    let work = stack.wire().request_status("stats.orders.create")["response"]["work"].clone();
    assert_eq!((&work["outcomes"]["ok"], &work["consuming"], &work["inFlight"]), (&1.into(), &true.into(), &0.into()));
    for histogram in ["queueWait", "handling", "databaseTime"] {
        let counts = work[histogram]["counts"].as_array().unwrap_or_else(|| panic!("{histogram}: {work}"));
        assert!(counts.iter().any(|count| count.as_u64() > Some(0)), "{histogram}: {work}");
    }
    wait_until("the listener had applied it", seconds(15), || {
        stack.wire().request_status("stats.users.on_order_created")["response"]["work"]["outcomes"]["applied"] == 1
    });
    let relay = stack.wire().request_status("stats.orders.relay")["response"].clone();
    assert_eq!(
        (&relay["work"]["outcomes"]["published"], &relay["outbox"]["leader"]),
        (&1.into(), &true.into()),
        "{relay}"
    );
}

#[test]
fn an_account_that_may_answer_may_not_request() {
    let stack = Stack::plan().with_events().start();
    for process in ["orders-get", "users-on-order-created", "orders-relay"] {
        for key in ["stats", "describe", "stats.orders.create"] {
            let mut worker = RawAmqp::at(&stack.address_of(process));
            assert!(!worker.publish("control", key.as_bytes(), &[0, 0], b"{}"), "{process} could ask {key}");
        }
        let mut worker = RawAmqp::at(&stack.address_of(process));
        assert!(worker.publish("control", b"replies.x", &[0, 0], b"{}"), "{process} may answer");
    }
    let mut gateway = RawAmqp::at(&stack.address_of("gateway"));
    assert!(gateway.publish("control", b"stats", &[0, 0], b"{}"), "the gateway may ask");
}

#[test]
fn the_gateway_reports_all_processes_and_a_frozen_one_as_unresponsive() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    person.place("secret title");
    let mut metrics = String::new();
    wait_until("all processes were reported", seconds(10), || {
        metrics = stack.metrics();
        everybody().iter().all(|(name, _)| series(&metrics, "signalbox_build_info", &[("pattern", name)]).len() == 1)
    });
    let created = [("pattern", "orders.create"), ("service", "orders"), ("outcome", "ok")];
    let one = |name, labels: &[(&str, &str)]| series(&metrics, name, labels).first().map(|(_, value)| *value);
    assert_eq!(one("messaging_client_consumed_messages_total", &created), Some(1.0), "{metrics}");
    assert_eq!(one("messaging_process_duration_seconds_count", &created[..2]), Some(1.0));
    let route = [("http_route", "/orders"), ("http_response_status_code", "201"), ("http_request_method", "POST")];
    assert_eq!(one("http_server_request_duration_seconds_count", &route), Some(1.0));
    assert_eq!(one("messaging_queue_consumers", &[("queue", "orders.get")]), Some(1.0));
    assert_eq!(one("messaging_dead_letters", &[("pattern", "users.on_order_created")]), Some(0.0));
    assert_eq!(one("outbox_leader", &[("service", "orders")]), Some(1.0));
    for secret in ["secret title", person.email.as_str(), person.id.as_str(), "Bearer"] {
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
    }
    assert!(metrics.ends_with("# EOF\n") && metrics.lines().count() < 5_000, "{}", metrics.lines().count());

    let second = stack.launch_worker("orders-get");
    wait_until("the second was seen", seconds(5), || instances(&stack, "orders.get") == 2);
    second.signal(Signal::Freeze);
    let unresponsive = || series(&stack.metrics(), "process_unresponsive", &[("pattern", "orders.get")]).len();
    wait_until("the frozen one was missed", seconds(5), || instances(&stack, "orders.get") == 1 && unresponsive() == 1);
    second.signal(Signal::Cont);
    wait_until("it was back", seconds(5), || instances(&stack, "orders.get") == 2 && unresponsive() == 0);
    second.kill();
    wait_until("it was gone and not reported as unresponsive", seconds(5), || {
        instances(&stack, "orders.get") == 1 && unresponsive() == 0
    });
}

/// The queries of the dashboard, over a time that a test has.
fn queries() -> BTreeSet<String> {
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(repository().join("ops/grafana-dashboard.json")).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().replace("[1m]", "[10s]")).collect()
}

#[test]
fn a_real_prometheus_reads_it_and_every_query_of_the_dashboard_has_an_answer() {
    need(&["prometheus", "promtool"]).unwrap();
    let stack = Stack::plan().with_events().start();
    let folder = scratch().join("data").join("prometheus");
    fs::create_dir_all(&folder).unwrap();
    let config = fs::read_to_string(repository().join("ops/prometheus.yml")).unwrap();
    let config = config.replace("127.0.0.1:3004", &format!("127.0.0.1:{}", stack.admin_port)).replace("5s", "1s");
    fs::write(folder.join("prometheus.yml"), config).unwrap();
    fs::copy(repository().join("ops/alerts.yml"), folder.join("alerts.yml")).unwrap();
    let port = ports::free();
    let mut prometheus = command("prometheus");
    prometheus.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
    prometheus.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let log = scratch().join("logs").join("prometheus.log");
    let process = Process::spawn("prometheus", &mut prometheus, &log, Signal::Term).unwrap();
    let person = stack.register();
    let api = Http::at(port);
    let ask = |query: &str| -> Option<Value> {
        let encoded: Vec<String> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = api.get(&format!("/api/v1/query?query={}", encoded.concat())).try_send().ok()?;
        // 503 as long as it starts.
        assert!(matches!(answer.status, 200 | 503), "{query}: {} {}", answer.status, answer.body);
        if answer.status == 503 {
            return None;
        }
        Some(answer.json()["data"]["result"].clone())
    };
    let wait_for_series = |query: &str| {
        wait_for(&format!("Prometheus had an answer to {query}\n{}", process.tail(5)), seconds(30), || {
            assert!(process.is_running(), "{}", process.tail(20));
            person.place("x");
            person.orders();
            ask(query)?.as_array().filter(|series| !series.is_empty()).map(|_| ())
        });
    };
    wait_for_series("up{job=\"gateway\"} == 1");
    for query in queries() {
        wait_for_series(&query);
    }
}
