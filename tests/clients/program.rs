//! Runs a third-party program with a time limit.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use system_tests::environment::{command, repository, scratch};
use system_tests::wait::seconds;
use system_tests::{Process, Signal, wait_until};

/// Where `scripts/generate-clients` puts everything.
pub(crate) fn tools() -> PathBuf {
    let tools = repository().join("target/clients");
    assert!(
        tools.join("generated").is_file(),
        "there are no clients in {}: run scripts/generate-clients",
        tools.display()
    );
    tools
}

/// A program by its name, in its directory; ended if it takes longer than a minute.
pub(crate) fn bounded(directory: &str, program: &[&str]) -> Command {
    let mut bounded = command("timeout");
    bounded.args(["--kill-after=5", "60"]).args(program).current_dir(tools().join(directory));
    bounded
}

/// A program in TypeScript.
pub(crate) fn typescript(directory: &str, file: &str) -> Command {
    bounded(directory, &["node", "--import", "tsx", file])
}

/// A program in TypeScript that goes on until it is told to stop: nobody stands between it and a signal.
pub(crate) fn service(directory: &str, file: &str) -> Command {
    let mut service = command("node");
    service.args(["--import", "tsx", file]).current_dir(tools().join(directory));
    service
}

/// A program in Python.
pub(crate) fn python(directory: &str, file: &Path) -> Command {
    let python = tools().join("venv/bin/python");
    let mut command = bounded(directory, &[python.to_str().unwrap(), file.to_str().unwrap()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What a program printed, if it ended well.
pub(crate) fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot be run: {error}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // Nest logs its connection on the same stream.
    let own: Vec<&str> = out.lines().filter(|line| !line.contains("[Nest]")).collect();
    if output.status.success() { Ok(own.join("\n")) } else { Err(format!("{}\n{out}{err}", output.status)) }
}

/// So many programs run at once: each wants a core.
const AT_A_TIME: usize = 3;

/// What a program is called, how it is run, and whether what it printed is right.
pub(crate) type Judged<'a> = (&'a str, Command, &'a (dyn Fn(&str) -> bool + Sync));

/// Runs a few at a time, each judged by itself; fails with everything that went wrong.
pub(crate) fn all_well(mut programs: Vec<Judged<'_>>) {
    let judge = |(name, mut command, is_right): Judged<'_>| match said(&mut command) {
        Ok(out) if is_right(&out) => None,
        Ok(out) => Some(format!("{name} said: {out}")),
        Err(error) => Some(format!("{name}: {error}")),
    };
    let mut wrong: Vec<String> = Vec::new();
    while !programs.is_empty() {
        let few = programs.split_off(programs.len().saturating_sub(AT_A_TIME));
        thread::scope(|scope| {
            let few: Vec<_> = few.into_iter().map(|program| scope.spawn(move || judge(program))).collect();
            wrong.extend(few.into_iter().filter_map(|one| one.join().unwrap()));
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A program that goes on until it is told to stop; returns when it has said that it listens.
#[track_caller]
pub(crate) fn listening(name: &str, command: &mut Command) -> Process {
    let log = scratch().join("logs").join(format!("{name}.log"));
    let process = Process::spawn(name, command, &log, Signal::Term).unwrap();
    wait_until(&format!("{name} listened: {}", process.tail(20)), seconds(30), || {
        assert!(process.is_running(), "{name} ended: {}", process.tail(20));
        process.log().contains("listening")
    });
    process
}
