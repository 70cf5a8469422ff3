//! Finds the revision that `--version` prints: from the variable `BUILD_REVISION`, or else from git. Development builds
//! have none, because they would be rebuilt after every commit.

use std::path::Path;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "cargo configures build scripts through the environment")]
fn main() {
    println!("cargo:rerun-if-env-changed=BUILD_REVISION");
    println!("cargo:rerun-if-changed=build.rs");
    let given = std::env::var("BUILD_REVISION").ok().filter(|given| !given.is_empty());
    let development = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let revision = match given {
        Some(given) => given,
        None if development => "development build".into(),
        None => git_revision().unwrap_or_else(|| "unknown revision".into()),
    };
    println!("cargo:rustc-env=BUILD_REVISION={}", revision.lines().next().unwrap_or_default());
}

fn git_revision() -> Option<String> {
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    // Both change when a commit is checked out or made. After a clone, only the first exists.
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
