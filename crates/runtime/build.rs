//! Finds the revision that `--version` tells: of the environment's `BUILD_REVISION`, or else of git. Only what is built to
//! be used has one: a build for development would be made anew after every commit.

use std::path::Path;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "what cargo tells a build script is in its environment")]
fn main() {
    println!("cargo:rerun-if-env-changed=BUILD_REVISION");
    println!("cargo:rerun-if-changed=build.rs");
    let given = std::env::var("BUILD_REVISION").ok().filter(|given| !given.is_empty());
    let development = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let revision = match given {
        Some(given) => given,
        None if development => "development build".into(),
        None => of_git().unwrap_or_else(|| "unknown revision".into()),
    };
    println!("cargo:rustc-env=BUILD_REVISION={}", revision.lines().next().unwrap_or_default());
}

fn of_git() -> Option<String> {
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    // Both change when another commit is checked out or made; the first is there after a clone, too.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--path-format=absolute", "--git-path", file])?;
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    Some(revision)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
