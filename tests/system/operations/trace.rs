//! `signalbox trace`: where the time of a request went, from the gateway to the listener of its event.

use serde_json::{Value, json};
use system_tests::environment::run_to_end;
use system_tests::raw_amqp::RawAmqp;
use system_tests::wait::seconds;
use system_tests::{Stack, wait_until};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT: &str = "b7ad6b7169203331";

fn trace(stack: &Stack<'_>, id: &str) -> Vec<Value> {
    let (_, output) = run_to_end(stack.command("signalbox").args(["trace", id, "--json"]));
    let report: Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}"));
    report["spans"].as_array().unwrap().clone()
}

/// The span of this name.
#[track_caller]
fn named<'s>(spans: &'s [Value], name: &str) -> &'s Value {
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

/// The names of a span and of those that caused it, up to one of another process's client.
fn causes(spans: &[Value], name: &str) -> Vec<String> {
    let (mut span, mut names) = (Some(named(spans, name)), Vec::new());
    while let Some(it) = span {
        names.push(it["name"].as_str().unwrap().to_owned());
        span = spans.iter().find(|parent| parent["spanId"] == it["parentSpanId"]);
    }
    names
}

#[test]
fn a_sampled_request_is_followed_to_the_listener_of_its_event() {
    let stack = Stack::plan().with_events().set("GATEWAY_TRACE_ONE_IN", "0").start();
    let person = stack.register();
    let traceparent = format!("00-{TRACE_ID}-{CLIENT}-01");
    let order = json!({ "title": "secret title", "description": "x", "price": 1 });
    let created = person.post("/orders").header("traceparent", &traceparent).json(&order).send();
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let mut spans = Vec::new();
    let listener = "handle users.on_order_created";
    let way = ["publish order.created", "handle orders.create", "call orders.create", "POST /orders"];
    // Each process sends its spans in batches of its own.
    wait_until("the spans of all processes had arrived", seconds(15), || {
        spans = trace(&stack, TRACE_ID);
        let has = |name: &str| spans.iter().any(|span| span["name"] == name);
        has(listener) && way.iter().all(|name| has(name)) && has("wait in queue orders.create")
    });
    assert_eq!(causes(&spans, listener)[1..], way);
    assert_eq!(causes(&spans, "wait in queue orders.create")[1..], way[2..]);
    let sql = spans.iter().find(|span| span["kind"] == "client" && span["process"] == "orders.create").unwrap();
    assert_eq!(causes(&spans, sql["name"].as_str().unwrap())[1..], way[1..]);
    assert_eq!(named(&spans, "POST /orders")["parentSpanId"], CLIENT);
    assert!(spans.iter().all(|span| span["traceId"] == TRACE_ID && span["error"].is_null()), "{spans:?}");
    for secret in ["secret title", person.email.as_str(), person.id.as_str()] {
        assert!(!format!("{spans:?}").contains(secret), "{secret} is in the trace");
    }
    // By the other ids, too.
    assert_eq!(trace(&stack, created.header("X-Request-Id")), spans);
    assert_eq!(trace(&stack, &id), spans);
    let (_, output) = run_to_end(stack.command("signalbox").args(["trace", "--slowest", "orders.create", "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&output).unwrap()["spans"].as_array().unwrap(), &spans);
    let (_, output) = run_to_end(stack.command("signalbox").args(["trace", &id, "--otlp"]));
    let export: Value = serde_json::from_str(&output).unwrap();
    let services: Vec<&Value> = export["resourceSpans"].as_array().unwrap().iter().collect();
    let service =
        |name: &str| services.iter().find(|it| it["resource"]["attributes"][0]["value"]["stringValue"] == name);
    let exported = &service("gateway").unwrap()["scopeSpans"][0]["spans"];
    assert!(exported.as_array().unwrap().iter().any(|span| span["parentSpanId"] == CLIENT), "{export}");
    let (code, text) = run_to_end(stack.command("signalbox").args(["trace", &id]));
    assert!(code == Some(0) && text.contains("\n    handle orders.create ") && text.contains("█"), "{text}");
}

#[test]
fn what_is_not_sampled_leaves_no_span() {
    let stack = Stack::plan().set("GATEWAY_TRACE_ONE_IN", "2").start();
    let person = stack.somebody();
    let list = |traceparent: Option<&str>| {
        let call = person.get("/orders");
        let call = if let Some(value) = traceparent { call.header("traceparent", value) } else { call };
        call.send().header("X-Request-Id").to_owned()
    };
    // A client that does not want its trace sampled decides so whatever the setting.
    let unsampled =
        [list(Some(&format!("00-{TRACE_ID}-{CLIENT}-00"))), list(Some(&format!("00-{TRACE_ID}-{CLIENT}-00")))];
    let own = [list(None), list(None)];
    wait_until("one of two was sampled", seconds(15), || own.iter().any(|id| !trace(&stack, id).is_empty()));
    assert!(own.iter().any(|id| trace(&stack, id).is_empty()));
    assert!(unsampled.iter().all(|id| trace(&stack, id).is_empty()) && trace(&stack, TRACE_ID).is_empty());
}

#[test]
fn only_an_administrator_may_request_traces_and_a_process_sends_only_its_own_spans() {
    let stack = Stack::plan().with_events().start();
    for process in ["gateway", "orders-get", "users-on-order-created", "orders-relay"] {
        let may = |exchange: &str, key: &str| {
            RawAmqp::at(&stack.address_of(process)).publish(exchange, key.as_bytes(), &[0, 0], b"{}")
        };
        assert!(!may("control", "trace.gateway"), "{process} could request traces");
        assert!(!may("telemetry", "spans.orders.list"), "{process} could send spans of another");
    }
}
