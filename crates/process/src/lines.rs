//! Gathers log lines and writes them out 50 times a second: one system call for many lines, not one for each.
//!
//! A process that is killed with SIGKILL loses at most the last 20 ms of its log; on any other end they are written.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

const GATHER: Duration = Duration::from_millis(20);
/// Above this many bytes the one who logs writes them out itself, so the buffer is bounded.
const FULL: usize = 64 * 1024;

static PENDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static FIRST_LINE: Condvar = Condvar::new();

/// Where the log goes when a machine reads it.
#[derive(Clone, Copy)]
pub(crate) struct Lines;

impl Lines {
    /// Starts the thread that writes out.
    pub(crate) fn start() -> io::Result<Self> {
        let thread = std::thread::Builder::new().name("log".into()).stack_size(64 * 1024);
        thread.spawn(|| {
            loop {
                drop(FIRST_LINE.wait_while(pending(), |pending| pending.is_empty()));
                std::thread::sleep(GATHER);
                flush();
            }
        })?;
        Ok(Self)
    }
}

/// Writes out what was gathered.
pub(crate) fn flush() {
    write_out(&mut pending());
}

fn pending() -> MutexGuard<'static, Vec<u8>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_out(pending: &mut Vec<u8>) {
    // A log that nobody can take is no reason to stop working.
    let _ = io::stdout().lock().write_all(pending).and_then(|()| io::stdout().flush());
    pending.clear();
}

impl Write for Lines {
    /// Takes one line: the log writes each event in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pending = pending();
        if pending.is_empty() {
            FIRST_LINE.notify_one();
        }
        pending.extend_from_slice(line);
        if pending.len() > FULL {
            write_out(&mut pending);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
