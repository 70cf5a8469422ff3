//! Adding a pattern touches six places; these tests fail until they agree. And crates depend only on allowed crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use contracts::naming::{process_name, service};
use contracts::{EVENTS, LISTENERS, PATTERNS};
use system_tests::environment::repository;

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

/// Processes of a service that are neither workers nor listeners.
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
        let service = service(pattern);
        let source = read(format!("workers/{service}/src/bin/{}.rs", process_name(pattern)));
        assert!(source.starts_with(&format!("//! `{pattern}` — ")), "the first line says what {pattern} does");
    }
}

#[test]
fn every_pattern_has_a_route_and_every_route_a_pattern() {
    let routed: BTreeSet<&str> = gateway::routing::table::TABLE.iter().flat_map(gateway::Route::patterns).collect();
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
    assert_eq!(ours, &all() | &BTreeSet::from(["gateway", "scaler"].map(str::to_owned)));
}

#[test]
fn every_process_has_its_privileges_in_the_database() {
    for service in ["users", "orders"] {
        let grants = read(format!("sql/{service}/grants.sql"));
        let named: BTreeSet<String> = grants.split(" TO \"").skip(1).map(|rest| before(rest, '"').to_owned()).collect();
        let migrates = format!("{service}-migrate");
        let wanted = all().into_iter().filter(|name| name.starts_with(service) && *name != migrates);
        assert_eq!(named, wanted.collect(), "sql/{service}/grants.sql has a block for each process");
    }
}

#[test]
fn every_event_is_recorded_by_a_program_of_its_service() {
    for event in EVENTS {
        let words = event.name.split(['.', '_']).map(|word| word[..1].to_uppercase() + &word[1..]);
        let name: String = words.collect();
        let mut files = Vec::new();
        rust_files(&repository().join("workers").join(event.service), &mut files);
        let told = files.iter().any(|file| read(file).contains(&name));
        assert!(told, "no program of workers/{} records {}: it never happens", event.service, event.name);
    }
}

fn before(text: &str, end: char) -> &str {
    text.split(end).next().unwrap()
}

#[test]
fn every_pattern_and_every_route_is_named_in_a_test() {
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
fn crates_depend_only_on_allowed_crates() {
    let rooms: [(&str, &[&str]); 11] = [
        ("crates/contracts", &[]),
        ("crates/amqp", &["contracts", "runtime"]),
        ("crates/management", &["amqp", "runtime"]),
        ("crates/runtime", &[]),
        ("crates/worker-runtime", &["amqp", "contracts", "runtime"]),
        ("gateway", &["amqp", "contracts", "runtime"]),
        ("crates/contract-docs", &["amqp", "contracts", "gateway"]),
        ("operator", &["amqp", "contracts", "management", "runtime", "worker-runtime"]),
        ("scaler", &["amqp", "contracts", "management", "runtime"]),
        ("workers/users", &["contracts", "runtime", "worker-runtime"]),
        ("workers/orders", &["contracts", "runtime", "worker-runtime"]),
    ];
    let members: BTreeSet<&str> = rooms.iter().map(|(room, _)| *room).collect();
    let mut found: BTreeSet<String> = stems("crates").iter().map(|name| format!("crates/{name}")).collect();
    found.extend(stems("workers").iter().map(|name| format!("workers/{name}")));
    found.extend(["gateway", "operator", "scaler"].map(str::to_owned));
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
            let speaks = ["gateway", "scaler"].contains(&room);
            assert!(!dependencies.contains(library) || speaks, "only the gateway and the scaler speak HTTP: {room}");
        }
    }
}

/// Every crate whose files import each other. The tests are not among them.
const CRATES: [&str; 11] = [
    "crates/contracts",
    "crates/amqp",
    "crates/management",
    "crates/runtime",
    "crates/worker-runtime",
    "crates/contract-docs",
    "gateway",
    "operator",
    "scaler",
    "workers/users",
    "workers/orders",
];
/// The longest chain of imports between the top folders and files of a crate.
const DEEPEST: usize = 8;

/// Who imports whom.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn files_import_downwards() {
    let mut members = stems("crates").into_iter().map(|name| format!("crates/{name}")).collect::<BTreeSet<_>>();
    members.extend(stems("workers").into_iter().map(|name| format!("workers/{name}")));
    members.extend(["gateway", "operator", "scaler"].map(str::to_owned));
    assert_eq!(members, CRATES.map(str::to_owned).into(), "a crate whose imports are not checked");
    for name in CRATES {
        let source = repository().join(name).join("src");
        let (files, unknown) = imports(&source);
        assert!(files.len() > 1 && files.values().any(|names| !names.is_empty()), "nothing was read of {name}");
        assert_eq!(unknown, [""; 0], "{name}/src imports these by way of lib.rs: name their own modules");
        let rooms = rooms(&files);
        for (what, graph) in [("files", &files), ("rooms", &rooms)] {
            let cycle = cycle(graph);
            assert!(cycle.is_empty(), "{what} of {name}/src that import each other: {}", cycle.join(", "));
        }
        assert!(levels(&rooms) <= DEEPEST, "{name}/src has {} levels of folders", levels(&rooms));
    }
}

#[test]
fn the_http_transport_of_the_gateway_knows_no_other_room() {
    let rooms = rooms(&imports(&repository().join("gateway/src")).0);
    assert_eq!(rooms["http"], BTreeSet::new(), "gateway/src/http imports other rooms, such as crate::routing");
}

#[test]
fn cycles_levels_and_imports_are_found() {
    let graph = |imports: &[(&str, &str)]| {
        let mut graph = Imports::new();
        for (from, to) in imports {
            graph.entry((*to).to_owned()).or_default();
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), [""; 0]);
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")])), ["b", "c", "d"]);
    assert_eq!(levels(&graph(&[("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")])), 3);
    let text =
        "use crate::b::{C, d::E};\nuse crate::{f, b::g};\n//! crate::h\n#[cfg(test)]\nmod tests {\n use crate::i;";
    assert_eq!(imported(text), ["b::C", "b::d::E", "b::g", "f"].map(str::to_owned).into());
}

/// The files of a source directory, by their modules, with the other files that each imports by `crate::…`, and those
/// imports that are no file but something of the crate's root. Programs and the root itself are on top and may import
/// anything.
fn imports(source: &Path) -> (Imports, Vec<String>) {
    let mut files = Vec::new();
    rust_files(source, &mut files);
    let modules: BTreeMap<String, PathBuf> =
        files.into_iter().filter_map(|file| Some((module(file.strip_prefix(source).unwrap())?, file))).collect();
    let texts: BTreeMap<&String, String> = modules.iter().map(|(module, file)| (module, read(file))).collect();
    // An exported macro has no other path than this.
    let is_macro = |name: &str| texts.values().any(|text| text.contains(&format!("macro_rules! {name} ")));
    let (mut imports, mut unknown) = (Imports::new(), Vec::new());
    for (module, text) in &texts {
        let names = imports.entry((*module).clone()).or_default();
        for path in imported(text) {
            match owner(&modules, path.clone()) {
                Some(owner) if owner != **module => drop(names.insert(owner)),
                Some(_) => {}
                None if is_macro(&path) => {}
                None => unknown.push(format!("{module}: crate::{path}")),
            }
        }
    }
    (imports, unknown)
}

fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The module that a file is, such as `auth::caller`; none for a root, a program or a file of tests.
fn module(file: &Path) -> Option<String> {
    let path = file.with_extension("");
    let mut parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    let outside = matches!(parts[..], ["lib" | "main"]) || parts[0] == "bin" || parts.last() == Some(&"tests");
    (!outside).then(|| parts.join("::"))
}

/// The longest beginning of a path that is a file.
fn owner(modules: &BTreeMap<String, PathBuf>, mut path: String) -> Option<String> {
    while !modules.contains_key(&path) {
        path.truncate(path.rfind("::")?);
    }
    Some(path)
}

/// The paths that a text names behind `crate::`, outside its comments and its tests, with all that braces hold.
fn imported(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join(" ");
    let mut paths = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let (mut open, mut path, mut word) = (Vec::new(), Vec::new(), String::new());
        for c in rest.chars().chain([';']) {
            match c {
                c if c.is_alphanumeric() || c == '_' => word.push(c),
                ' ' if !open.is_empty() => {}
                ':' if word.is_empty() => {}
                _ => {
                    if !word.is_empty() {
                        path.push(std::mem::take(&mut word));
                        if c != ':' {
                            paths.insert(path.join("::"));
                        }
                    }
                    match c {
                        ':' => {}
                        '{' => open.push(path.len()),
                        ',' if !open.is_empty() => path.truncate(open[open.len() - 1]),
                        '}' if !open.is_empty() => path.truncate(open.pop().unwrap()),
                        _ => break,
                    }
                }
            }
        }
    }
    paths
}

/// The same between top folders and files.
fn rooms(files: &Imports) -> Imports {
    let room = |module: &str| module.split("::").next().unwrap().to_owned();
    let mut rooms = Imports::new();
    for (module, imports) in files {
        let others = imports.iter().map(|name| room(name)).filter(|other| *other != room(module));
        rooms.entry(room(module)).or_default().extend(others);
    }
    rooms
}

/// The length of the longest chain of imports in a graph without cycles.
fn levels(graph: &Imports) -> usize {
    let mut left = graph.clone();
    let mut levels = 0;
    while !left.is_empty() {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|_, imports| !imports.is_disjoint(&names));
        if left.len() == names.len() {
            return usize::MAX;
        }
        levels += 1;
    }
    levels
}

/// The cycles: what remains after repeatedly removing files that import none of the others, or that none of them imports.
fn cycle(graph: &Imports) -> Vec<String> {
    let mut left = graph.clone();
    loop {
        let imported: BTreeSet<String> = left.values().flatten().cloned().collect();
        let before = left.len();
        left.retain(|name, imports| imported.contains(name) && !imports.is_empty());
        let names: BTreeSet<String> = left.keys().cloned().collect();
        for imports in left.values_mut() {
            imports.retain(|name| names.contains(name));
        }
        if left.len() == before {
            return names.into_iter().collect();
        }
    }
}
