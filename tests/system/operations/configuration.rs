//! `docs/configuration.md` agrees with the programs: each setting, its default, and the comment of its field in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use system_tests::environment::repository;

use super::command_line::{ended, programs, started};

/// Sections that carry no name in their type, with the structs that describe them.
const NAMED_ELSEWHERE: [(&str, &str); 3] =
    [("AmqpSettings", "amqp"), ("DatabaseSettings", "users_database"), ("DatabaseSettings", "orders_database")];

/// The rows of the document's tables: | `NAME` | `default` | meaning |
fn rows() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(repository().join("docs/configuration.md")).unwrap();
    let cells = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        [cells[0].trim_matches('`').to_owned(), cells[1].trim_matches('`').to_owned(), cells[2].to_owned()]
    };
    text.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// By variable, what the comment beside each field says.
fn comments() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    for folder in ["crates", "gateway/src", "scaler/src", "workers"] {
        sources(&repository().join(folder), &mut files);
    }
    let mut comments = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let own = text.split("impl Section for ").skip(1).filter_map(|rest| {
            let (name, rest) = rest.split_once(' ')?;
            Some((name.to_owned(), rest.split("NAME: &'static str = \"").nth(1)?.split('"').next()?.to_owned()))
        });
        let elsewhere = NAMED_ELSEWHERE.map(|(name, section)| (name.to_owned(), section.to_owned()));
        for (name, section) in own.chain(elsewhere) {
            let Some((_, fields)) = text.split_once(&format!("struct {name} {{\n")) else { continue };
            let (fields, _) = fields.split_once("\n}").unwrap();
            comments.extend(of_fields(fields).map(|(key, said)| (format!("{section}_{key}").to_uppercase(), said)));
        }
    }
    comments
}

/// Each field of a struct with its comment, as one line.
fn of_fields(text: &str) -> impl Iterator<Item = (&str, String)> {
    let mut said: Vec<&str> = Vec::new();
    text.lines().map(str::trim).filter_map(move |line| {
        if let Some(comment) = line.strip_prefix("///") {
            said.push(comment.trim());
            return None;
        }
        let field = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
        let (field, _) = field.split_once(':')?;
        Some((field, std::mem::take(&mut said).join(" ")))
    })
}

#[test]
fn the_documentation_has_every_setting_with_its_default() {
    let documented: BTreeSet<String> = rows().iter().map(|[name, default, _]| format!("{name}={default}")).collect();
    let mut there = BTreeSet::new();
    for name in programs() {
        let (code, said, complained) = ended(started(&name).arg("--list-settings"));
        assert_eq!((code, complained.as_str()), (Some(0), ""), "{name}");
        there.extend(said.lines().map(str::to_owned));
    }
    let missing: Vec<_> = there.difference(&documented).collect();
    let superfluous: Vec<_> = documented.difference(&there).collect();
    assert!(missing.is_empty() && superfluous.is_empty(), "missing: {missing:#?}, superfluous: {superfluous:#?}");
}

#[test]
fn the_documentation_says_of_every_setting_what_the_code_says() {
    let comments = comments();
    let differing: Vec<_> = rows()
        .into_iter()
        .filter(|[name, _, meaning]| comments.get(name) != Some(meaning))
        .map(|[name, _, meaning]| format!("{name}\n  says {meaning}\n  code {:?}", comments.get(&name)))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
