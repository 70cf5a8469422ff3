//! Every place that names a tool's version names the same one, and the pinned tools are found under other names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use system_tests::environment::{command, repository, scratch};

/// What stands in a file between two texts, wherever its lines break.
#[track_caller]
fn named(file: &str, before: &str, after: &str) -> String {
    let text = fs::read_to_string(repository().join(file)).unwrap();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{file} says nothing like {before}")).1;
    rest.split_once(after).unwrap().0.to_owned()
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn every_place_that_names_a_version_names_the_same() {
    let needed = named("Cargo.toml", "rust-version = \"", "\"");
    assert_eq!(named("scripts/tools", "rust_needed=", " "), needed);
    assert_eq!(named("README.md", "Rust ≥ ", " "), needed);
    let checked = named("rust-toolchain.toml", "channel = \"", "\"");
    assert_eq!(numbers(&checked).len(), 3, "{checked} is one compiler, not whatever is new");
    assert!(numbers(&checked) >= numbers(&needed), "the code is checked with {checked}, which is older than {needed}");
    assert_eq!(named("README.md", "(https://rustup.rs) fetches ", ","), checked);
    let compose = named("scripts/tools", "process_compose_version=v", " ");
    assert_eq!(named("scripts/process-compose/go.mod", "f1bonacc1/process-compose v", " "), compose);
}

/// What the scripts make of a machine whose rustup has not the toolchain that the tree names.
fn toolchain(name: &str, rustup: &str) -> String {
    let place = scratch().join(name);
    fs::create_dir_all(&place).unwrap();
    let program = |name: &str, text: &str| {
        let path = place.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("cargo", "[ -n \"$RUSTUP_TOOLCHAIN\" ] # without it: no such toolchain");
    program("rustup", rustup);
    let path = format!("{}:/usr/bin:/bin", place.display());
    let script = ". scripts/lib; . scripts/tools; need_toolchain; echo \"${RUSTUP_TOOLCHAIN:-none}\"";
    let output = command("bash").args(["-euc", script]).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    remove(&place);
    format!("{} {said}", String::from_utf8_lossy(&output.stdout).trim())
}

fn remove(place: &Path) {
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn the_pinned_compiler_is_found_or_fetched_or_replaced() {
    let wanted = named("rust-toolchain.toml", "channel = \"", "\"");
    let list = "[ \"$1 $2\" != 'toolchain list' ] || { echo 'stable-x (active, default)'; exit; }";
    let version =
        |version: &str| format!("[ \"$1 $2\" != 'run stable-x' ] || {{ echo 'rustc {version} (abc)'; exit; }}");
    let here = toolchain("here", &format!("{list}\n{}\nexit 1", version(&wanted)));
    assert_eq!(here, "stable-x ", "the same version under another name is the same");
    let fetched = toolchain("fetched", &format!("{list}\n{}\n[ \"$1 $2\" = 'toolchain install' ]", version("1.99.0")));
    assert!(fetched.starts_with("none ") && fetched.contains(&format!("installing Rust {wanted}")), "{fetched}");
    let active = "[ \"$1\" != show ] || { echo 'stable-x (default)'; exit; }";
    let other = toolchain("other", &format!("{list}\n{active}\n{}\nexit 1", version("1.99.0")));
    assert!(other.starts_with("stable-x ") && other.contains("using stable-x instead"), "{other}");
}
