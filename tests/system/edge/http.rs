//! What the gateway does around every request: request id, access log, CORS, health.

use contracts::naming::process_name;
use serde_json::{Value, json};
use system_tests::problem::problem;
use system_tests::wait::seconds;
use system_tests::{Stack, wait_until};

#[test]
fn a_request_id_is_echoed_and_logged_by_gateway_and_worker() {
    let stack = Stack::start();
    let person = stack.register();
    let id = "Trace-7:a_b.c";
    let answer = person.ordering("followed").header("x-request-id", id).send().expect(201);
    assert_eq!(answer.header("x-request-id"), id);
    for (process, pattern) in [("gateway", "orders.create"), ("orders-create", "orders.create")] {
        let process = stack.process(process);
        let about = |event: &Value| event["request_id"] == id && event["pattern"] == pattern;
        let has_all = |event: &Value| !event["status"].is_null() && event["duration_ms"].is_number();
        wait_until("the request was logged", seconds(2), || events(&process).iter().any(about));
        let lines: Vec<Value> = events(&process).into_iter().filter(about).collect();
        assert!(lines.len() == 1 && lines.iter().all(has_all), "{}: {lines:?}", process.name());
    }
}

fn events(process: &system_tests::Process) -> Vec<Value> {
    process.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_request_without_a_usable_id_gets_one() {
    let stack = Stack::start();
    let fresh = stack.http.get("/orders").send().header("x-request-id").to_owned();
    assert_eq!(fresh.len(), 36, "a UUID: {fresh}");
    for bad in ["", "has space", "quote\"", "<script>", &"x".repeat(65), "a,b"] {
        let answer = stack.http.get("/orders").header("x-request-id", bad).send();
        problem(&answer, 401, "missing_token");
        assert_eq!(answer.header("x-request-id").len(), 36, "{bad:?}");
    }
    let longest = "x".repeat(64);
    assert_eq!(stack.http.get("/orders").header("x-request-id", &longest).send().header("x-request-id"), longest);
}

#[test]
fn log_lines_are_json_and_hold_neither_bodies_nor_queries() {
    let stack = Stack::start();
    let person = stack.register();
    // Whatever is kept secret here is looked for in every log when the stack ends.
    stack.keep_secret("a-title-nobody-else-sees");
    person.place("a-title-nobody-else-sees");
    stack.keep_secret("cursor-of-mine");
    person.get("/orders?cursor=cursor-of-mine").send().expect(422);
    stack.keep_secret("key-of-mine");
    person.ordering("keyed").header("idempotency-key", "key-of-mine").send().expect(201);
    stack.keep_secret("my-secret-pass");
    stack.http.post("/users/login").text("{\"password\":\"my-secret-pass\"").send().expect(400);
    stack.http.post("/users/register").json(&json!({ "password": "my-secret-pass" })).send().expect(422);
    for name in ["gateway", "users-register", "orders-create", "orders-list"] {
        let log = stack.process(name).log();
        assert!(
            !log.is_empty() && log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
            "{name}: {log}"
        );
    }
}

#[test]
fn only_pages_of_known_origins_may_call() {
    let stack = Stack::plan().set("GATEWAY_CORS_ORIGINS", "http://localhost:3000,https://shop.example").start();
    let preflight = |origin: &str| {
        let call = stack.http.call("OPTIONS", "/orders").header("origin", origin);
        call.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
            .expect(204)
    };
    for origin in ["http://localhost:3000", "https://shop.example"] {
        let answer = preflight(origin);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert!(answer.header("access-control-allow-methods").contains("POST"));
        let allowed = answer.header("access-control-allow-headers").to_lowercase();
        for header in [
            "authorization",
            "content-type",
            "accept",
            "idempotency-key",
            "last-event-id",
            "x-request-id",
            "traceparent",
            "tracestate",
            "baggage",
        ] {
            assert!(allowed.contains(header), "{allowed}");
        }
        // An answer is of no use to a page that may not read it, also when it is a refusal.
        let refused = stack.http.get("/orders").header("origin", origin).send();
        problem(&refused, 401, "missing_token");
        assert_eq!(refused.header("access-control-allow-origin"), origin);
        let exposed = refused.header("access-control-expose-headers").to_lowercase();
        assert!(["location", "link", "x-request-id"].iter().all(|header| exposed.contains(header)), "{exposed}");
        assert_eq!(refused.header("vary").to_lowercase(), "origin");
    }
    for origin in ["http://localhost:3001", "https://shop.example.evil.example", "null"] {
        assert_eq!(preflight(origin).header("access-control-allow-origin"), "");
        let refused = stack.http.get("/orders").header("origin", origin).send();
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
}

#[test]
fn head_answers_like_get_without_the_body() {
    let stack = Stack::start();
    let person = stack.register();
    person.place("seen");
    let get = person.get("/orders").send().expect(200);
    let head = stack.http.call("HEAD", "/orders").token(&person.token).send().expect(200);
    assert_eq!((head.body.as_str(), head.header("content-type")), ("", "application/json"));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
}

#[test]
fn readiness_lists_workers_and_does_not_depend_on_them() {
    let stack = Stack::plan().without("orders-get").copies("orders-list", 2).start();
    stack.admin.get("/livez").send().expect(200);
    let consumers = |pattern: &str| stack.readiness().unwrap().json()["patterns"][pattern].clone();
    wait_until("all consumers were counted", seconds(5), || {
        (consumers("orders.get"), consumers("orders.list"), consumers("users.login")) == (json!(0), json!(2), json!(1))
    });
    stack.launch_worker("orders-get");
    stack.wait_until_ready();
    stack.process("orders-get").stop(seconds(5));
    wait_until("/readyz noticed", seconds(5), || consumers("orders.get") == 0);
    // Whoever balances the load would find no gateway that does better.
    assert_eq!(stack.readiness().unwrap().status, 200);
    stack.admin.get("/livez").send().expect(200);
    for pattern in contracts::PATTERNS {
        assert_eq!(consumers(pattern) == 0, process_name(pattern) == "orders-get", "{pattern}");
    }
}
