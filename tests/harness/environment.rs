//! Paths of the repository, the programs under test and scratch files, and their variables.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A variable of the test process's environment, unless it is empty.
#[expect(clippy::disallowed_methods, reason = "tests are told here, and only here, where servers and programs are")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The directory of the programs under test: `BIN_DIR`, else where `cargo build --release` puts them.
pub fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let target = || variable("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let found = variable("BIN_DIR").map_or_else(|| target().join("release"), PathBuf::from);
        repository().join(found) // which an absolute path replaces
    })
}

/// One of the programs under test.
pub fn program(name: &str) -> PathBuf {
    let path = programs().join(name);
    assert!(
        path.is_file(),
        "there is no program {}: build first (cargo build --release --bins), or set BIN_DIR",
        path.display()
    );
    path
}

/// A directory of this run's own: `logs` survive a failed run, `data` never survives.
pub fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("system-tests-{}", std::process::id()));
        for part in ["logs", "data"] {
            std::fs::create_dir_all(path.join(part)).unwrap();
        }
        path
    })
}

/// Notes that a test failed, so that this run's logs are kept.
pub fn keep_logs() {
    let _ = std::fs::write(scratch().join("keep"), "");
}

/// A command that inherits only the variables that are needed to find and run programs: no setting of the surrounding shell
/// reaches the program under test.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "LANG", "TMPDIR", "USER", "IN_NIX_SHELL", "CARGO_HOME", "GOPATH", "GOBIN"] {
        if let Some(value) = variable(name) {
            command.env(name, value);
        }
    }
    command.current_dir(repository());
    command
}

/// Runs a command to its end; returns its exit code and everything that it wrote.
pub fn run_to_end(command: &mut Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// A script of `scripts/`, which reads `.env` only if a test says so.
pub fn script(name: &str) -> Command {
    let mut command = command("bash");
    command.arg(repository().join("scripts").join(name)).env("ENV_FILE", "/dev/null").env("BIN_DIR", programs());
    command
}

/// A line of shell that finds programs where the scripts do.
pub fn script_line(line: &str) -> Command {
    let mut command = command("bash");
    command.args(["-c", &format!(". scripts/env && {line}")]);
    command.env("ENV_FILE", "/dev/null").env("BIN_DIR", programs()).env("DATA_DIR", scratch().join("data"));
    command
}

/// Fails with a message unless these tools are found where the scripts look for them.
pub fn need(tools: &[&str]) -> Result<(), String> {
    let mut look = command("bash");
    look.args(["-c", ". scripts/env && for tool; do command -v \"$tool\" >/dev/null || echo \"$tool\"; done", "need"]);
    look.args(tools).env("ENV_FILE", "/dev/null").env("BIN_DIR", programs()).env("DATA_DIR", scratch().join("data"));
    let output = look.output().map_err(|error| format!("bash cannot be run: {error}"))?;
    let missing = String::from_utf8_lossy(&output.stdout).trim().replace('\n', ", ");
    if output.status.success() && missing.is_empty() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "the system tests need {missing}, which cannot be found. Run them in the development shell: \
         `nix develop -c scripts/test` or `scripts/devshell scripts/test`. {said}"
    ))
}
