//! Adding a pattern touches six places; this is red until they agree. And crates know only whom they may know.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use contracts::LISTENERS;
use contracts::PATTERNS;
use system_tests::environment::repository;
use system_tests::stack::process_name;

fn read(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the files in a directory, without their extension.
fn stems(directory: &str) -> BTreeSet<String> {
    let directory = repository().join(directory);
    let files = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The text of every system test but this one.
fn system_tests() -> String {
    let themes = stems("tests/system").into_iter().filter(|name| name != "main");
    let files = themes
        .flat_map(|theme| stems(&format!("tests/system/{theme}")).into_iter().map(move |name| (theme.clone(), name)));
    let others = files.filter(|(_, name)| name != "completeness");
    others.map(|(theme, name)| read(format!("tests/system/{theme}/{name}.rs"))).collect()
}

fn patterns() -> BTreeSet<String> {
    PATTERNS.iter().map(|pattern| process_name(pattern)).collect()
}

fn listeners() -> BTreeSet<String> {
    LISTENERS.iter().map(|listener| process_name(listener.name)).collect()
}

/// Processes that serve no pattern and hear no event but belong to a service.
fn of_services() -> BTreeSet<String> {
    ["users-migrate", "orders-migrate", "users-relay", "orders-relay"].map(str::to_owned).into()
}

/// Every program of a worker.
fn all() -> BTreeSet<String> {
    &(&patterns() | &listeners()) | &of_services()
}

#[test]
fn every_pattern_has_its_program_and_every_program_its_pattern() {
    let mut programs = stems("workers/users/src/bin");
    programs.extend(stems("workers/orders/src/bin"));
    assert_eq!(programs, all());
    for pattern in PATTERNS.into_iter().chain(LISTENERS.map(|listener| listener.name)) {
        let service = pattern.split('.').next().unwrap();
        let source = read(format!("workers/{service}/src/bin/{}.rs", process_name(pattern)));
        assert!(source.starts_with(&format!("//! `{pattern}` — ")), "the first line says what {pattern} does");
    }
}

#[test]
fn every_pattern_has_a_route_and_every_route_a_pattern() {
    let routed: BTreeSet<&str> = gateway::routing::table::TABLE.iter().filter_map(gateway::Route::pattern).collect();
    assert_eq!(routed, BTreeSet::from(PATTERNS));
}

#[test]
fn every_pattern_has_a_process_and_every_process_a_program() {
    let compose = read("process-compose.yaml");
    let (_, processes) = compose.split_once("\nprocesses:\n").expect("process-compose.yaml has processes");
    let mut ours = BTreeSet::new();
    let mut entry = "";
    for line in processes.lines() {
        let key =
            line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#'])).and_then(|rest| rest.split_once(':'));
        if let Some((name, _)) = key {
            entry = name;
        }
        let command = line.trim().strip_prefix("command: \"exec ").and_then(|rest| rest.strip_suffix('"'));
        if let Some(command) = command {
            let program = command.strip_prefix("bash scripts/as ");
            assert!(program.is_some() || command.starts_with("bash "), "{entry} has no account of its own: {command}");
            assert!(program.is_none_or(|program| program == entry), "{entry} is not named like its program: {command}");
            ours.extend(program.map(str::to_owned));
        }
        if let Some(log) = line.trim().strip_prefix("log_location:") {
            let file = log.trim().trim_matches('"').rsplit('/').next().unwrap();
            let stem = file.trim_end_matches(".log").trim_end_matches(".{PC_REPLICA_NUM}");
            assert_eq!(stem, entry, "a log is named like its process");
        }
    }
    assert_eq!(ours, &all() | &BTreeSet::from(["gateway".to_owned()]));
}

#[test]
fn every_process_has_its_rights_in_the_database() {
    for service in ["users", "orders"] {
        let grants = read(format!("sql/{service}/grants.sql"));
        let named: BTreeSet<String> = grants.split(" TO \"").skip(1).map(|rest| before(rest, '"').to_owned()).collect();
        let migrates = format!("{service}-migrate");
        let wanted = all().into_iter().filter(|name| name.starts_with(service) && *name != migrates);
        assert_eq!(named, wanted.collect(), "sql/{service}/grants.sql has a block for each process");
    }
}

fn before(text: &str, end: char) -> &str {
    text.split(end).next().unwrap()
}

#[test]
fn every_pattern_and_every_route_is_spoken_of_in_a_test() {
    let tests = system_tests();
    for pattern in PATTERNS {
        assert!(tests.contains(&format!("\"{pattern}\"")), "no test speaks of {pattern}");
    }
    for listener in LISTENERS {
        assert!(tests.contains(&format!("\"{}\"", listener.name)), "no test speaks of {}", listener.name);
    }
    for route in &gateway::routing::table::TABLE {
        let path = route.path.split('{').next().unwrap();
        assert!(tests.contains(&format!("\"{path}")), "no test speaks of {}", route.path);
    }
}

#[test]
fn every_code_of_the_contract_is_tested() {
    let tests = system_tests();
    let codes = read("crates/contracts/src/fault.rs");
    let (_, names) = codes.split_once("fn as_str").expect("codes have names");
    let names = names.split_once("impl ").map_or(names, |(names, _)| names);
    let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 20, "{names:?}");
    // A bug on our side cannot be ordered.
    for name in names.iter().filter(|name| **name != "internal") {
        assert!(tests.contains(&format!("\"{name}\"")), "no test expects the code {name}");
    }
}

/// The dependencies of a crate, those of its tests excepted.
fn dependencies(crate_directory: &str) -> BTreeSet<String> {
    let manifest = read(format!("{crate_directory}/Cargo.toml"));
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            inside = matches!(table.trim_end_matches(']'), "dependencies" | "build-dependencies");
            assert!(!table.starts_with("target") && !table.starts_with("dependencies."), "not understood here: {line}");
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            names.insert(line.split(['.', '=', ' ']).next().unwrap().to_owned());
        }
    }
    names
}

#[test]
fn crates_depend_only_on_whom_they_may() {
    let rooms: [(&str, &[&str]); 9] = [
        ("crates/contracts", &[]),
        ("crates/amqp", &["contracts"]),
        ("crates/runtime", &[]),
        ("crates/worker-runtime", &["amqp", "contracts", "runtime"]),
        ("gateway", &["amqp", "contracts", "runtime"]),
        ("crates/contract-docs", &["amqp", "contracts", "gateway"]),
        ("operator", &["amqp", "contracts", "runtime", "worker-runtime"]),
        ("workers/users", &["contracts", "runtime", "worker-runtime"]),
        ("workers/orders", &["contracts", "runtime", "worker-runtime"]),
    ];
    let members: BTreeSet<&str> = rooms.iter().map(|(room, _)| *room).collect();
    let mut found: BTreeSet<String> = stems("crates").iter().map(|name| format!("crates/{name}")).collect();
    found.extend(stems("workers").iter().map(|name| format!("workers/{name}")));
    found.extend(["gateway", "operator"].map(str::to_owned));
    assert_eq!(found, members.iter().map(|room| (*room).to_owned()).collect(), "a crate without a rule");

    let ours: BTreeSet<String> = members.iter().map(|room| room.rsplit('/').next().unwrap().to_owned()).collect();
    for (room, may) in rooms {
        let dependencies = dependencies(room);
        let may: BTreeSet<String> = may.iter().map(|name| (*name).to_owned()).collect();
        let forbidden: Vec<_> = dependencies.intersection(&ours).filter(|name| !may.contains(*name)).collect();
        assert!(forbidden.is_empty(), "{room} may not know {forbidden:?}");
        for (library, owner) in [("lapin", "crates/amqp"), ("tokio-postgres", "crates/worker-runtime")] {
            assert_eq!(dependencies.contains(library), room == owner, "only {owner} uses {library}: {room}");
        }
        for library in ["hyper", "hyper-util"] {
            assert!(!dependencies.contains(library) || room == "gateway", "only the gateway speaks HTTP: {room}");
        }
    }
}
