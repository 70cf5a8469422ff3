//! The documents are in order: the files and paths that they name exist, and no heading occurs twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use system_tests::environment::repository;

/// The documents that people read. `docs/api` and `docs/page` are generated.
fn documents() -> Vec<PathBuf> {
    let markdown = |directory: &str| {
        let entries = fs::read_dir(repository().join(directory)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|extension| extension == "md")).collect::<Vec<_>>()
    };
    ["", "docs", "docs/adr"].into_iter().flat_map(markdown).collect()
}

/// The targets of links, without anchors; addresses of other sites are left out.
fn links(text: &str) -> BTreeSet<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let local = targets
        .filter(|target| !target.contains("://") && !target.starts_with(['#', '<']) && !target.starts_with("mailto:"));
    local.map(|target| target.split('#').next().unwrap()).collect()
}

/// Paths in code spans that begin with a folder of the repository.
fn paths(text: &str) -> BTreeSet<&str> {
    let roots = ["crates/", "gateway/", "workers/", "operator/", "frontend/", "sql/", "tests/", "scripts/", "docs/"];
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let spans = prose.into_iter().flat_map(|part| part.split('`').skip(1).step_by(2));
    let is_path = |span: &&str| {
        roots.iter().any(|root| span.starts_with(root)) && !span.contains([' ', '<', '*', '{', '…', '$', '|'])
    };
    spans.filter(is_path).collect()
}

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let below = document.parent().unwrap();
        let targets = links(&text).into_iter().map(|link| (link, below.join(link)));
        let named = paths(&text).into_iter().map(|path| (path, repository().join(path)));
        for (name, target) in targets.chain(named) {
            seen += 1;
            if !target.exists() && !is_made(Path::new(name)) {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(seen > 100, "only {seen} names were found");
    assert_eq!(missing, [""; 0]);
}

/// Whether a path only exists once something was built, or once the reader has followed the text.
fn is_made(path: &Path) -> bool {
    let made = ["target", "node_modules", "dist"];
    let examples = ["orders-cancel.rs", "users-on-order-cancelled.rs"];
    path.components().any(|part| made.iter().any(|name| part.as_os_str() == *name))
        || examples.iter().any(|name| path.ends_with(name))
}

#[test]
fn links_and_paths_are_found() {
    let text = "[a](x.md#b) [c](https://d) `gateway/src/run.rs` `sql/<service>` `f()`\n```\n`tests/none`\n```\n[e](#f)";
    assert_eq!(links(text), BTreeSet::from(["x.md"]));
    assert_eq!(paths(text), BTreeSet::from(["gateway/src/run.rs"]));
}

/// The headings that occur twice below the same `##` heading. A changelog has its `###` headings once in each release.
fn repeated_headings(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2).flat_map(str::lines);
    let (mut seen, mut section, mut repeated) = (BTreeSet::new(), "", Vec::new());
    for heading in prose.filter(|line| line.trim_start_matches('#').starts_with(' ') && line.starts_with('#')) {
        if !heading.starts_with("###") {
            section = heading;
        }
        if !seen.insert((section, heading)) {
            repeated.push(heading);
        }
    }
    repeated
}

#[test]
fn no_document_has_a_heading_twice() {
    let mut repeated = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        repeated.extend(repeated_headings(&text).iter().map(|heading| format!("{}: {heading}", document.display())));
    }
    assert_eq!(repeated, [""; 0]);
}

#[test]
fn repeated_headings_are_found() {
    let text = "## 1.1\n### Added\n```\n## 1.1\n```\n#hash\n#hash\n## 1.0\n### Added\n### Fixed\n### Added\n## 1.1\n";
    assert_eq!(repeated_headings(text), ["### Added", "## 1.1"]);
}

/// The scripts that nobody needs to call: those that other scripts, tests or `process-compose.yaml` call or read.
const CALLED_BY_OTHERS: [&str; 18] = [
    "accounts",
    "as",
    "broker-env",
    "build-page",
    "check-ports",
    "env",
    "generate-clients",
    "install-client-tools",
    "install-contract-tools",
    "install-page-tools",
    "lib",
    "make-accounts",
    "make-keys",
    "say-ready",
    "start-frontend",
    "start-postgres",
    "start-rabbitmq",
    "tools",
];

#[test]
fn every_script_for_people_is_in_the_list_of_commands() {
    let text = fs::read_to_string(repository().join("docs/development.md")).unwrap();
    let entries = fs::read_dir(repository().join("scripts")).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    let missing: Vec<_> = names
        .filter(|name| !CALLED_BY_OTHERS.contains(&name.as_str()) && !text.contains(&format!("| `scripts/{name}")))
        .collect();
    assert_eq!(missing, [""; 0], "add them to docs/development.md, or to CALLED_BY_OTHERS");
}

/// What is left of a program without comments, imports, blank lines and lines that only close a bracket.
fn code(text: &str) -> Vec<&str> {
    let mut in_imports = false;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_code = |line: &&str| {
        let (line, was_in_imports) = (line.trim(), in_imports);
        in_imports = line == "import (" || in_imports && line != ")";
        let is_import = ["import ", "from ", "package "].iter().any(|word| line.starts_with(word));
        let is_comment = ["//", "#", "\"\"\""].iter().any(|mark| line.starts_with(mark));
        let closes = line.chars().all(|char| "])};,".contains(char));
        !(was_in_imports || is_import || is_comment || closes)
    };
    lines.filter(is_code).collect()
}

#[test]
fn no_example_has_more_than_fifteen_lines_of_code() {
    let mut seen = 0;
    for language in ["go", "node", "python", "spring"] {
        for entry in fs::read_dir(repository().join("examples").join(language)).unwrap() {
            let file = entry.unwrap().path();
            let extension = file.extension().unwrap_or_default().to_str().unwrap();
            if !["go", "java", "mjs", "py", "ts"].contains(&extension) {
                continue;
            }
            seen += 1;
            let text = fs::read_to_string(&file).unwrap();
            assert!(code(&text).len() <= 15, "{}: {:#?}", file.display(), code(&text));
        }
    }
    assert!(seen > 10, "only {seen} examples were found");
}
