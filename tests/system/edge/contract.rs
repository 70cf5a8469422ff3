//! The published contract is true of the running system: the gateway serves the committed documents, their examples work,
//! and generated requests, valid and invalid, are answered as it says.

use std::fs;

use serde_json::{Value, json};
use system_tests::environment::{command, repository, scratch};
use system_tests::wire::Message;
use system_tests::{Answer, Person, Stack};

fn written(name: &str) -> Value {
    let path = repository().join("docs/api").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_gateway_serves_the_committed_documents() {
    let stack = Stack::start();
    for path in ["/openapi.json", "/openapi-3.0.json", "/asyncapi.json"] {
        let served = stack.http.get(path).send().expect(200);
        assert_eq!(served.header("content-type"), "application/json");
        assert_eq!(served.json(), written(&path[1..]));
    }
}

#[test]
fn the_docs_page_loads_nothing_from_other_hosts() {
    let stack = Stack::start();
    let page = stack.http.get("/docs").send().expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; "));
    // Relative, so that the page works below a proxy's prefix as well.
    let loaded: Vec<&str> = page.body.split(['"', '\'']).filter(|text| text.starts_with("docs/")).collect();
    assert_eq!(loaded, ["docs/swagger-ui.css", "docs/page.css", "docs/swagger-ui.js", "docs/page.js"]);
    for part in ["/docs/swagger-ui.css", "/docs/page.css", "/docs/swagger-ui.js", "/docs/page.js"] {
        stack.http.get(part).send().expect(200);
    }
    let mut ours = page.body.clone();
    for path in loaded {
        let path = &format!("/{path}");
        let head = stack.http.call("HEAD", path).header("accept-encoding", "gzip").send().expect(200);
        let kind = if path.ends_with("js") { "text/javascript; charset=utf-8" } else { "text/css; charset=utf-8" };
        assert_eq!((head.header("content-type"), head.header("x-content-type-options")), (kind, "nosniff"), "{path}");
        if path.contains("swagger-ui") {
            assert_eq!(head.header("content-encoding"), "gzip", "{path}");
        } else {
            ours += &stack.http.get(path).send().expect(200).body;
        }
    }
    assert!(!ours.contains("http://") && !ours.contains("https://") && !ours.contains("//cdn"), "{ours}");
}

/// Fails unless the contract says that this operation may answer so.
fn assert_promised(operation: &Value, answer: &Answer) {
    let id = &operation["operationId"];
    let promised = &operation["responses"][answer.status.to_string()];
    assert!(promised.is_object(), "{id} may not answer {}: {}", answer.status, answer.body);
    if answer.status >= 400 {
        let codes =
            &promised["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"];
        assert!(codes.as_array().unwrap().contains(&json!(answer.code())), "{id} may not answer {}", answer.body);
    }
}

/// The example of a request body.
fn example(document: &Value, operation: &Value) -> Option<Value> {
    let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    Some(document.pointer(&schema[1..]).unwrap()["examples"][0].clone())
}

/// The path with the examples of its parameters.
fn address(path: &str, operation: &Value) -> String {
    let (mut path, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().unwrap() {
        let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
        if example.is_null() {
            continue; // it may be left out
        }
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &example),
            "query" => query.push(format!("{name}={example}")),
            _ => {}
        }
    }
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

#[test]
fn the_examples_of_the_routes_are_accepted() {
    let stack = Stack::start();
    let document = written("openapi.json");
    let person = stack.register();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // An open feed has no end.
            if operation["responses"]["200"]["content"]["text/event-stream"].is_object() {
                continue;
            }
            let mut call = stack.http.call(&method.to_uppercase(), &address(path, operation)).token(&person.token);
            if let Some(mut body) = example(&document, operation) {
                // An example cannot contain it.
                if body["currentPassword"].is_string() {
                    body["currentPassword"] = json!(person.password);
                }
                call = call.json(&body);
            }
            let answer = call.send();
            assert_promised(operation, &answer);
            assert!(![400, 415, 422].contains(&answer.status) && answer.status < 500, "{path}: {}", answer.body);
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked}");
}

#[test]
fn the_examples_of_the_messages_are_accepted() {
    let stack = Stack::start();
    let document = written("asyncapi.json");
    let messages = document["components"]["messages"].as_object().unwrap();
    let caller = stack.register();
    let session: String = stack.users_db().value("SELECT id::text FROM sessions", &[]);
    for contract in contracts::CONTRACTS {
        let message = &messages[&format!("{}.request", contract.pattern)];
        let mut data = message["examples"][0]["payload"]["data"].clone();
        if data["currentPassword"].is_string() {
            data["currentPassword"] = json!(caller.password);
        }
        let asked = Message::request(contract.pattern, &data).caller(&caller.id).header("session", &session);
        let reply = stack.wire().call(&asked);
        let codes = &messages[&format!("{}.fault", contract.pattern)]["payload"]["properties"]["err"]["allOf"][1];
        let promised = codes["properties"]["code"]["enum"].as_array().unwrap();
        let code = reply.code();
        assert!(code.is_empty() || promised.contains(&json!(code)), "{}: {code}", contract.pattern);
        assert!(!["invalid_input", "internal"].contains(&code), "{}: {code}", contract.pattern);
    }
}

/// Generated requests, good and bad: no 5xx, no answer that is not in the contract, nothing accepted that it forbids.
#[test]
fn generated_requests_are_answered_as_the_contract_says() {
    let stack = Stack::start();
    let person: Person = stack.register();
    let schemathesis = repository().join("target/contract-tools/venv/bin/schemathesis");
    assert!(schemathesis.is_file(), "there is no {}: run scripts/install-contract-tools", schemathesis.display());
    let output = command(schemathesis)
        .current_dir(scratch().join("data")) // it remembers what failed, and the next run should not
        .args(["run", "--checks=all", "--max-examples=15", "--workers=1", "--seed=1"])
        .arg(repository().join("docs/api/openapi.json"))
        .args(["--url", &format!("http://127.0.0.1:{}", stack.port), "--no-color", "--warnings=off"])
        .args(["--header", &format!("Authorization: Bearer {}", person.token)])
        .env("CALLERS_PASSWORD", &person.password)
        .env("SCHEMATHESIS_HOOKS", repository().join("scripts/contract/hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
