//! Writes the log in a separate thread, so that a slow reader of the log never blocks the process.
//!
//! Lines are buffered and written 50 times a second, many in one system call. When the reader is slow or gone, lines
//! that do not fit are dropped and counted; the count is logged once lines are written again. A process killed by
//! SIGKILL loses at most the last 20 ms of its log. Any other end flushes the buffer, unless the reader takes too long.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::log_file::LogFile;

/// How long lines are collected before they are written together.
const GATHER: Duration = Duration::from_millis(20);
/// A buffer of this size is written at once.
const FULL: usize = 64 * 1024;
/// The most bytes that wait for a reader. As many again may be in the write call, which limits the log's memory.
const MOST: usize = 1024 * 1024;
/// How long a process waits for the reader when it ends.
const FINAL_FLUSH: Duration = Duration::from_secs(1);
/// How long a panic waits for the reader: the process may end next. Not repeated after a timeout.
const PANIC: Duration = Duration::from_millis(100);

static STDOUT: Output = Output::new("stdout");
static STDERR: Output = Output::new("stderr");
static FILE: Output = Output::new("file");

/// Where the log goes.
#[derive(Clone, Copy)]
pub(crate) struct Lines(&'static Output);

impl Lines {
    /// Starts the thread that writes to standard output.
    pub(crate) fn to_stdout() -> io::Result<Self> {
        // A copy of the descriptor, because the standard library's own handle is locked while it writes.
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        STDOUT.start(stdout)?;
        Ok(Self(&STDOUT))
    }

    /// Starts the thread that writes to a file.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        FILE.start(LogFile::open(path)?)?;
        Ok(Self(&FILE))
    }
}

impl Write for Lines {
    /// Takes one line: the log writes each event in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// Flushes the log, then writes a final message to standard error if there is one. Gives up on a reader that is stuck.
pub(crate) fn finish(message: Option<&str>) {
    STDOUT.flush(FINAL_FLUSH);
    FILE.flush(FINAL_FLUSH);
    if let Some(message) = message {
        write_stderr(message, FINAL_FLUSH);
    }
}

/// Reports panics the same way. The default panic hook blocks if nobody reads standard error.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let mut message = format!("\nthread '{name}' {panic}\n");
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            message = format!("{message}stack backtrace:\n{backtrace}\n");
        }
        write_stderr(&message, PANIC);
    }));
}

fn write_stderr(message: &str, timeout: Duration) {
    if STDERR.start(io::stderr()).is_ok() && STDERR.push(message.as_bytes()) {
        STDERR.flush(timeout);
    }
}

/// One of the streams of a process.
struct Output {
    name: &'static str,
    started: AtomicBool,
    pending: Mutex<Pending>,
    /// Wakes the writer thread.
    filled: Condvar,
    /// Wakes waiting flushes.
    written: Condvar,
}

struct Pending {
    text: Vec<u8>,
    /// Lines dropped since the last report.
    lost: u64,
    /// Whether the thread is writing.
    writing: bool,
    /// Whether a flush is waiting.
    urgent: bool,
    /// Whether the last flush timed out and nothing was written since.
    stuck: bool,
}

impl Output {
    const fn new(name: &'static str) -> Self {
        let pending = Pending { text: Vec::new(), lost: 0, writing: false, urgent: false, stuck: false };
        Self {
            name,
            started: AtomicBool::new(false),
            pending: Mutex::new(pending),
            filled: Condvar::new(),
            written: Condvar::new(),
        }
    }

    /// Starts the writer thread unless it runs.
    fn start(&'static self, stream: impl Write + Send + 'static) -> io::Result<()> {
        if self.started.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let thread = std::thread::Builder::new().name(format!("log {}", self.name)).stack_size(128 * 1024);
        thread.spawn(move || self.run(stream)).map(drop).inspect_err(|_| {
            self.started.store(false, Ordering::Relaxed);
        })
    }

    /// Buffers a line; returns whether there was room for it.
    fn push(&self, line: &[u8]) -> bool {
        let mut pending = self.lock();
        if pending.text.len() + line.len() > MOST {
            pending.lost += 1;
            return false;
        }
        let before = pending.text.len();
        pending.text.extend_from_slice(line);
        if before == 0 || (before < FULL && pending.text.len() >= FULL) {
            self.filled.notify_one();
        }
        true
    }

    /// Waits for everything to be written, up to this long. Does not wait at all if the last flush timed out.
    fn flush(&self, timeout: Duration) {
        let mut pending = self.lock();
        if pending.stuck {
            return;
        }
        pending.urgent = true;
        self.filled.notify_one();
        let unwritten = |pending: &mut Pending| pending.writing || !pending.text.is_empty();
        let waited = self.written.wait_timeout_while(pending, timeout, unwritten);
        let (mut pending, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        pending.urgent = false;
        pending.stuck = waited.timed_out();
    }

    fn run(&self, mut stream: impl Write) {
        let mut text = Vec::new();
        loop {
            let lost = self.take(&mut text);
            let unwritten = write(&mut stream, &text).err().unwrap_or_default();
            text.clear();
            text.shrink_to(FULL);
            self.note(lost, unwritten);
        }
    }

    /// Waits for lines and takes them; returns how many were dropped after them.
    fn take(&self, text: &mut Vec<u8>) -> u64 {
        let pending = self.filled.wait_while(self.lock(), |pending| pending.text.is_empty());
        let gathering = |pending: &mut Pending| !pending.urgent && pending.text.len() < FULL;
        let pending = pending.unwrap_or_else(PoisonError::into_inner);
        let gathered = self.filled.wait_timeout_while(pending, GATHER, gathering);
        let (mut pending, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut pending.text, text);
        pending.writing = true;
        std::mem::take(&mut pending.lost)
    }

    /// Records a write and how many lines it lost. Losses are logged once lines can be written again.
    fn note(&self, lost: u64, unwritten: u64) {
        let mut pending = self.lock();
        pending.writing = false;
        if unwritten > 0 {
            pending.lost += lost + unwritten;
        } else {
            pending.stuck = false;
        }
        self.written.notify_all();
        drop(pending);
        if lost > 0 && unwritten == 0 {
            tracing::warn!(
                lines = lost,
                stream = self.name,
                "log lines were dropped: the reader of the log is too slow"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes everything, however long it takes. The error is the number of lines that were not written.
fn write(stream: &mut impl Write, mut text: &[u8]) -> Result<(), u64> {
    while !text.is_empty() {
        match stream.write(text) {
            Ok(written @ 1..) => text = &text[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Another process that shares the stream made it non-blocking.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(GATHER),
            Ok(0) | Err(_) => return Err(text.split_inclusive(|byte| *byte == b'\n').count() as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};
    use std::time::Instant;

    use super::*;

    fn output(stream: impl Write + Send + 'static) -> &'static Output {
        let output = Box::leak(Box::new(Output::new("test")));
        output.start(stream).unwrap();
        output
    }

    /// Writes more than the pipe and the buffers hold; returns how many lines were buffered.
    fn flood(output: &Output) -> usize {
        let line = [&[b'x'; 1_023][..], b"\n"].concat();
        (0..4_096).filter(|_| output.push(&line)).count()
    }

    #[test]
    fn a_stuck_reader_blocks_nobody_and_memory_stays_limited() {
        let (_reader, writer) = pipe().unwrap();
        let output = output(writer);
        let buffered = flood(output);
        assert!((1_024..4_096).contains(&buffered) && output.lock().text.len() <= MOST, "{buffered}");
        let start = Instant::now();
        output.flush(Duration::from_millis(10));
        assert!(output.lock().stuck);
        // After a timeout, the next flush does not wait at all.
        output.flush(Duration::from_hours(1));
        assert!(start.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn a_slow_reader_gets_whole_lines_and_the_rest_is_counted() {
        let (mut reader, writer) = pipe().unwrap();
        let output = output(writer);
        let mut line = vec![0; 1_024];
        for _ in 0..flood(output) {
            reader.read_exact(&mut line).unwrap();
            assert!(line[..1_023].iter().all(|byte| *byte == b'x') && line[1_023] == b'\n', "a line is whole");
        }
        output.push(b"next line.\n");
        let mut next = [0; 11];
        reader.read_exact(&mut next).unwrap();
        assert_eq!(&next, b"next line.\n");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = output(writer);
        output.push(b"one\ntwo\n");
        output.flush(Duration::from_mins(1));
        assert_eq!(output.lock().lost, 2);
        flood(output);
        output.flush(Duration::from_mins(1));
    }

    #[test]
    fn a_flush_returns_after_everything_is_written() {
        let (mut reader, writer) = pipe().unwrap();
        let output = output(writer);
        output.push(b"the end\n");
        output.flush(Duration::from_mins(1));
        let mut written = [0; 8];
        reader.read_exact(&mut written).unwrap();
        assert_eq!(&written, b"the end\n");
    }
}
