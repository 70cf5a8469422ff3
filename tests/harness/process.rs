//! A process that a test started: its log, signals to it, and its reliable end.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::reaper;
use crate::wait::{seconds, wait_for};

/// Signals that tests send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Requests a graceful stop.
    Term,
    /// Requests PostgreSQL's fast shutdown.
    Int,
    /// Kills.
    Kill,
    /// Freezes.
    Freeze,
    /// Continues after a freeze.
    Cont,
}

impl Signal {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Kill => "KILL",
            Self::Freeze => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// A running process. Stopped when it is dropped: gracefully, and killed if that does not help.
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    log: PathBuf,
    polite: Signal,
}

impl Process {
    /// Starts a command with its output going to the file `log`; `polite` is the signal that makes it stop.
    pub fn spawn(name: &str, command: &mut Command, log: &Path, polite: Signal) -> Result<Self, String> {
        let file = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
        let child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        let pid = child.id();
        reaper::watch(pid, polite);
        Ok(Self { name: name.into(), pid, child: Mutex::new(child), log: log.into(), polite })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&self, signal: Signal) {
        // The child is not reaped while it is locked, so its id cannot belong to another process.
        let mut child = self.child();
        if child.try_wait().unwrap().is_none() {
            let kill =
                Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal.name(), &self.pid.to_string()]).status();
            assert!(kill.unwrap().success(), "{} could not be sent {signal:?}", self.name);
        }
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.ended().is_none()
    }

    /// How it ended, once it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().unwrap()
    }

    /// Waits for its end and returns its exit status.
    #[track_caller]
    pub fn wait(&self, limit: Duration) -> ExitStatus {
        wait_for(&format!("{} ended", self.name), limit, || self.ended())
    }

    /// Stops it gracefully and waits for its end.
    #[track_caller]
    pub fn stop(&self, limit: Duration) -> ExitStatus {
        self.signal(self.polite);
        self.wait(limit)
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&self) {
        self.signal(Signal::Kill);
        self.wait(seconds(5));
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The log events with this message. Other lines are skipped.
    pub fn events(&self, message: &str) -> Vec<Value> {
        let log = self.log();
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["message"] == message).collect()
    }

    /// The last lines it has written.
    pub fn tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let (pid, polite) = (self.pid, self.polite.name());
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)) | Err(_));
        if !ended(child) {
            // CONT last: a frozen process receives the first signal only then.
            let script = format!("kill -s {polite} {pid}; kill -s CONT {pid}");
            let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
            let begun = std::time::Instant::now();
            while !ended(child) && begun.elapsed() < seconds(12) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        reaper::forget(pid);
    }
}
