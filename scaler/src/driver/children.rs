//! As processes of this one's own. They outlive it: which there are is written down, so that the next scaler knows them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::driver::Driver;

pub(crate) struct Children {
    command: String,
    directory: PathBuf,
    /// Those that we started ourselves, whose end we must take note of.
    own: Mutex<Vec<Child>>,
}

/// A process that was written down.
struct Noted {
    process: String,
    pid: u32,
    file: PathBuf,
}

impl Children {
    /// `command` becomes the worker that it is told; `directory` is where its pid is written down.
    pub(crate) fn new(command: &str, directory: &str) -> std::io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { command: command.into(), directory: directory.into(), own: Mutex::default() })
    }

    /// The processes that were written down and still run; notes of others are removed.
    fn noted(&self) -> Result<Vec<Noted>, String> {
        self.own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut noted = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(|error| error.to_string())? {
            let file = entry.map_err(|error| error.to_string())?.path();
            let Some((process, pid)) = parts(&file) else { continue };
            let started = fs::read_to_string(&file).unwrap_or_default();
            if start_of(pid).is_some_and(|start| start == started.trim()) {
                noted.push(Noted { process, pid, file });
            } else {
                let _ = fs::remove_file(&file);
            }
        }
        Ok(noted)
    }
}

impl Driver for Children {
    async fn copies(&self) -> Result<HashMap<String, u32>, String> {
        let mut copies = HashMap::new();
        for noted in self.noted()? {
            *copies.entry(noted.process).or_default() += 1;
        }
        Ok(copies)
    }

    async fn start(&self, process: &str) -> Result<(), String> {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&self.command);
        // A group of its own: what stops the scaler at a terminal does not stop the workers.
        command.arg(process).stdin(Stdio::null()).process_group(0);
        let child = command.spawn().map_err(|error| format!("cannot run {}: {error}", self.command))?;
        let pid = child.id();
        let start = start_of(pid).unwrap_or_default();
        self.own.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        let file = self.directory.join(format!("{process}.{pid}"));
        fs::write(&file, start).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    async fn stop(&self, process: &str) -> Result<(), String> {
        let Some(noted) = self.noted()?.into_iter().rfind(|noted| noted.process == process) else { return Ok(()) };
        let kill = Command::new("kill").args(["-s", "TERM", &noted.pid.to_string()]).status();
        kill.map_err(|error| format!("cannot run kill: {error}"))?;
        // It drains, and is none of the copies any more.
        let _ = fs::remove_file(noted.file);
        Ok(())
    }
}

/// The process and the pid of which a file tells by its name.
fn parts(file: &Path) -> Option<(String, u32)> {
    let (process, pid) = file.file_name()?.to_str()?.rsplit_once('.')?;
    Some((process.to_owned(), pid.parse().ok()?))
}

/// When a running process began, in the kernel's own terms: with its pid it is no other process.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| state != "Z").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_started_is_known_to_the_next_and_what_ended_is_forgotten() {
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
