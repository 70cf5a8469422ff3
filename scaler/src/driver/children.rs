//! Runs copies as child processes. They outlive the scaler: a file for each lets the next scaler find them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::driver::Driver;

pub(crate) struct Children {
    command: String,
    directory: PathBuf,
    /// The processes that this scaler started; it must reap them.
    own: Mutex<Vec<Child>>,
}

/// A recorded process.
struct Recorded {
    process: String,
    pid: u32,
    file: PathBuf,
}

impl Children {
    /// `command` is run with the name of a worker and becomes it; `directory` keeps the pids.
    pub(crate) fn new(command: &str, directory: &str) -> std::io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { command: command.into(), directory: directory.into(), own: Mutex::default() })
    }

    /// The recorded processes that still run. Removes the files of others.
    fn running(&self) -> Result<Vec<Recorded>, String> {
        self.own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut running = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(|error| error.to_string())? {
            let file = entry.map_err(|error| error.to_string())?.path();
            let Some((process, pid)) = parts(&file) else { continue };
            let started = fs::read_to_string(&file).unwrap_or_default();
            if start_of(pid).is_some_and(|start| start == started.trim()) {
                running.push(Recorded { process, pid, file });
            } else {
                let _ = fs::remove_file(&file);
            }
        }
        Ok(running)
    }
}

impl Driver for Children {
    async fn copies(&self) -> Result<HashMap<String, u32>, String> {
        let mut copies = HashMap::new();
        for recorded in self.running()? {
            *copies.entry(recorded.process).or_default() += 1;
        }
        Ok(copies)
    }

    async fn start(&self, process: &str) -> Result<(), String> {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&self.command);
        // Its own process group: Ctrl-C at the scaler's terminal does not stop the workers.
        command.arg(process).stdin(Stdio::null()).process_group(0);
        // The scaler's own log file: two processes must not write to one.
        command.env_remove("LOG_JSON_FILE");
        let child = command.spawn().map_err(|error| format!("cannot run {}: {error}", self.command))?;
        let pid = child.id();
        let start = start_of(pid).unwrap_or_default();
        self.own.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        let file = self.directory.join(format!("{process}.{pid}"));
        fs::write(&file, start).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    async fn stop(&self, process: &str) -> Result<(), String> {
        let running = self.running()?;
        let Some(recorded) = running.into_iter().rfind(|recorded| recorded.process == process) else { return Ok(()) };
        let kill = Command::new("kill").args(["-s", "TERM", &recorded.pid.to_string()]).status();
        kill.map_err(|error| format!("cannot run kill: {error}"))?;
        // It drains, and no longer counts as a copy.
        let _ = fs::remove_file(recorded.file);
        Ok(())
    }
}

/// The process and the pid in a file's name.
fn parts(file: &Path) -> Option<(String, u32)> {
    let (process, pid) = file.file_name()?.to_str()?.rsplit_once('.')?;
    Some((process.to_owned(), pid.parse().ok()?))
}

/// When a running process started, in clock ticks since boot. With the pid it identifies the process.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| state != "Z").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_scaler_finds_running_copies_and_forgets_those_that_ended() {
        let directory = std::env::temp_dir().join(format!("scaler-children-{}", std::process::id()));
        let script = directory.join("sleeper");
        fs::create_dir_all(&directory).unwrap();
        fs::write(&script, "#!/bin/sh\nexec sleep 60\n").unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let state = directory.join("state");
        let open = || Children::new(script.to_str().unwrap(), state.to_str().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let first = open();
            first.start("orders-get").await.unwrap();
            first.start("orders-get").await.unwrap();
            assert_eq!(first.copies().await.unwrap(), HashMap::from([("orders-get".into(), 2)]));
            let second = open();
            assert_eq!(second.copies().await.unwrap(), HashMap::from([("orders-get".into(), 2)]));
            second.stop("orders-get").await.unwrap();
            assert_eq!(second.copies().await.unwrap(), HashMap::from([("orders-get".into(), 1)]));
            second.stop("orders-get").await.unwrap();
            second.stop("orders-get").await.unwrap();
            assert!(first.copies().await.unwrap().is_empty());
            fs::write(state.join("orders-get.1"), "7").unwrap();
            assert!(first.copies().await.unwrap().is_empty(), "another process has that pid now");
            for mut child in first.own.into_inner().unwrap() {
                child.wait().unwrap();
            }
        });
        fs::remove_dir_all(directory).unwrap();
    }
}
