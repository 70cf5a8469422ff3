//! `scripts/bench` measures a stack that it starts itself, tells everything that it promises, and leaves nothing behind.
#![cfg(target_os = "linux")] // it reads /proc

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use contracts::PATTERNS;
use contracts::naming::process_name;
use serde_json::Value;
use system_tests::environment::{programs, scratch, script};
use system_tests::slots::Slot;

/// Runs it where its programs are taken as they are; what it prints.
#[track_caller]
fn bench(directory: &Path, arguments: &[&str]) -> String {
    let bin = directory.join("bin");
    if !bin.exists() {
        fs::create_dir_all(directory).unwrap();
        symlink(programs(), &bin).unwrap();
    }
    let mut command = script("bench");
    command.args(arguments).env("BIN_DIR", &bin).env("DATA_DIR", directory.join("none")).env("TMPDIR", directory);
    let output = command.output().unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}\n{complained}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn names<'v>(list: &'v Value, field: &str) -> BTreeSet<&'v str> {
    list.as_array().unwrap().iter().map(|it| it[field].as_str().unwrap()).collect()
}

/// What of a document its schema asks for and does not find.
fn missing(schema: &Value, definitions: &Value, value: &Value, at: &str) -> Vec<String> {
    let named = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    let schema = named.map_or(schema, |name| &definitions[name]);
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut missing: Vec<String> =
        required.filter(|name| value.get(*name).is_none()).map(|name| format!("{at}.{name}")).collect();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            missing.extend(self::missing(inner, definitions, value, &format!("{at}.{name}")));
        }
    }
    if schema["items"].is_object() {
        let items = value.as_array().into_iter().flatten();
        missing.extend(items.flat_map(|item| self::missing(&schema["items"], definitions, item, at)));
    }
    missing
}

#[test]
fn a_quick_run_measures_everything_and_leaves_nothing() {
    const ENDPOINTS: [&str; 6] = ["read", "list", "profile", "create", "login", "refusal"];
    let _room = Slot::shared();
    let directory = scratch().join("data/bench");
    let out = directory.join("out");
    let page = bench(&directory, &["--quick", "--out", out.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&fs::read(out.join("bench.json")).unwrap()).unwrap();
    let schema: Value = serde_json::from_str(&bench(&directory, &["--schema"])).unwrap();
    assert_eq!(missing(&schema, &schema["$defs"], &report, ""), [""; 0]);

    let stack = &report["stacks"][0];
    let cells = stack["cells"].as_array().unwrap();
    assert_eq!(cells.len(), ENDPOINTS.len() * 3, "two closed loops and an open one of each");
    for cell in cells {
        let endpoint = cell["endpoint"].as_str().unwrap();
        assert!(ENDPOINTS.contains(&endpoint) && cell["requests"].as_u64() > Some(0), "{cell}");
        // A password that takes long to hash may be refused for want of time.
        let good = cell["answered"] == cell["requests"] && cell["errors"].as_object().unwrap().is_empty();
        assert!(good || endpoint == "login", "{cell}");
        let latency = ["p50_ms", "p90_ms", "p99_ms", "max_ms"].map(|name| cell["latency"][name].as_f64().unwrap());
        assert!(latency.is_sorted(), "{cell}");
        assert_eq!(cell["backlog"].is_object(), endpoint == "create", "{cell}");
        for process in ["gateway", "orders-get", "orders-relay", "users-on-order-created", "broker", "users-db"] {
            assert!(cell["cpu_us"][process].as_f64() >= Some(0.0), "{process} is missing in {cell}");
        }
    }
    let spent = |endpoint: &str, process: &str| {
        let cells = cells.iter().filter(|cell| cell["endpoint"] == endpoint);
        cells.map(|cell| cell["cpu_us"][process].as_f64().unwrap()).sum::<f64>()
    };
    for (endpoint, process) in [("read", "orders-get"), ("create", "users-on-order-created"), ("refusal", "gateway")] {
        assert!(spent(endpoint, process) > 0.0, "{endpoint} costs {process} something");
    }

    let (memory, programs) = (names(&stack["memory"], "process"), names(&stack["binaries"], "name"));
    for name in PATTERNS.iter().map(|pattern| process_name(pattern)).chain(["gateway".into(), "orders-relay".into()]) {
        assert!(memory.contains(&*name) && programs.contains(&*name), "{name} has a size");
    }
    assert_eq!(names(&stack["starts"], "process"), BTreeSet::from(["gateway", "orders-get"]));
    assert!(stack["starts"].as_array().unwrap().iter().all(|start| start["ms"].as_array().unwrap().len() == 2));

    assert_eq!(page.trim_end(), fs::read_to_string(out.join("bench.md")).unwrap().trim_end());
    assert!(ENDPOINTS.iter().all(|endpoint| page.contains(&format!("| {endpoint} | 16 |"))), "{page}");
    let picture = fs::read_to_string(out.join("bench.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"), "{picture}");

    let left: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| ["bin", "out", "none"].iter().any(|expected| name == expected)), "{left:?}");
}
