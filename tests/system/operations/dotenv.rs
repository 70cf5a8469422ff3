//! The scripts' reader of `.env`: values arrive as written, none is executed, and a malformed line harms only itself.

use std::collections::HashMap;
use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use system_tests::environment::{scratch, script_line};

/// The scripts' environment with this file, and the messages about it.
fn load(text: &str) -> (HashMap<String, String>, String) {
    let path = scratch().join("generated.env");
    fs::write(&path, text).unwrap();
    let output = script_line("env -0").env("ENV_FILE", &path).env("FIRST", "kept").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text:?}: {said}");
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = listed.split('\0').filter_map(|pair| pair.split_once('='));
    (pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), said)
}

/// One line, and the value that it gives.
fn line() -> impl Strategy<Value = (String, String)> {
    let comment = "( +#[ -~]{0,9})?";
    prop_oneof![
        ("[!-~&&[^\"'#]]{1,20}", comment).prop_map(|(value, comment)| (format!("{value}{comment}"), value)),
        ("[ -~é明&&[^\"]]{1,30}", comment).prop_map(|(value, comment)| (format!("\"{value}\"{comment}"), value)),
        ("[ -~é明&&[^']]{1,30}", comment).prop_map(|(value, comment)| (format!("'{value}'{comment}"), value)),
        (r"(\$\(touch [!-~]{1,9}\)|`touch x`|\$\{HOME\}|\$HOME|;touch x|\|x|>x|\*|~|\\n|!x)")
            .prop_map(|value: String| (value.clone(), value)),
    ]
}

/// A name, among them those of the reader's own variables.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "X_[A-Za-z0-9_]{0,9}",
        1 => prop::sample::select(vec!["root", "target", "name", "value", "line", "number", "file", "dir", "version", "socket", "newest"])
            .prop_map(str::to_owned),
    ]
}

/// A malformed line of a `.env`, or one that sets a read-only variable.
fn junk() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,30}".prop_filter("no assignment", |line| !line.contains('=')),
        "[0-9 -.]{1,5}=[ -~]{0,9}",
        "(UID|EUID|PPID|SHELLOPTS|BASHOPTS|env_root|env_line|IFS|BASH_ENV)=x",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_arrives_and_nothing_of_it_is_run(
        lines in vec((name(), line(), junk(), any::<bool>(), any::<bool>()), 1..20),
    ) {
        let mut text = String::from("FIRST=replaced\n");
        let mut wanted = HashMap::from([("FIRST".to_owned(), "kept".to_owned())]);
        for (name, (written, value), junk, export, crlf) in lines {
            let end = if crlf { "\r\n" } else { "\n" };
            text.extend([&*junk, end, if export { "export  " } else { "" }, &*name, "=", &*written, end]);
            wanted.entry(name).or_insert(value);
        }
        let before = fs::read_dir(system_tests::environment::repository()).unwrap().count();
        let (environment, said) = load(&text);
        for (name, value) in wanted {
            prop_assert_eq!(environment.get(&name), Some(&value), "{} of {:?}: {}", name, text, said);
        }
        prop_assert_eq!(environment.get("BIN_DIR").map(String::as_str), Some(&*system_tests::environment::programs().to_string_lossy()));
        prop_assert_eq!(fs::read_dir(system_tests::environment::repository()).unwrap().count(), before, "something was run");
    }
}

#[test]
fn a_malformed_line_is_named_and_the_others_apply() {
    let (environment, said) =
        load("A=1\nnonsense\nUID=0\n  # words\nB=\"x # y\" # z\nC= spaced  # c\nD=\"a\"b\"\nE='\nlast=7");
    assert!(said.contains("line 2: not NAME=VALUE") && said.contains("line 3: UID cannot be set here"), "{said}");
    for (name, value) in [("A", "1"), ("B", "x # y"), ("C", " spaced"), ("D", "a\"b"), ("E", "'"), ("last", "7")] {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
}
