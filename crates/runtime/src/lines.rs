//! Writes what a process says from a thread of its own: nothing that works ever waits for whoever reads the log.
//!
//! Lines gather in memory and go out 50 times a second, many in one system call. What does not fit, because the reader is
//! slow or gone, is dropped and counted; the count is logged when lines go out again. A process that is killed with SIGKILL
//! loses at most the last 20 ms of its log; on any other end they are written, unless the reader takes too long.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

const GATHER: Duration = Duration::from_millis(20);
/// So many bytes go out without waiting for more.
const FULL: usize = 64 * 1024;
/// So many bytes wait for a reader at most; with as many on their way out, this bounds what a log can take.
const MOST: usize = 1024 * 1024;
/// At its end a process waits this long for the reader.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A panic may be the last thing that a process says, so it waits for the reader, but not long and not again in vain.
const PANIC: Duration = Duration::from_millis(100);

static STDOUT: Output = Output::new("stdout");
static STDERR: Output = Output::new("stderr");

/// Where the log goes.
#[derive(Clone, Copy)]
pub(crate) struct Lines;

impl Lines {
    /// Starts the thread that writes out.
    pub(crate) fn start() -> io::Result<Self> {
        // A copy of the descriptor, for the standard library's own handle is locked while it writes.
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        STDOUT.start(stdout)?;
        Ok(Self)
    }
}

impl Write for Lines {
    /// Takes one line: the log writes each event in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        STDOUT.push(line);
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

/// Writes out the log, then a last sentence on standard error if there is one; a reader who takes nothing is not waited for.
pub(crate) fn finish(last_words: Option<&str>) {
    STDOUT.flush(LAST_WORDS);
    if let Some(words) = last_words {
        complain(words, LAST_WORDS);
    }
}

/// Lets panics be said like everything else. The standard library's way waits for the reader of standard error.
pub(crate) fn say_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let mut words = format!("\nthread '{name}' {panic}\n");
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            words = format!("{words}stack backtrace:\n{backtrace}\n");
        }
        complain(&words, PANIC);
    }));
}

fn complain(words: &str, patience: Duration) {
    if STDERR.start(io::stderr()).is_ok() && STDERR.push(words.as_bytes()) {
        STDERR.flush(patience);
    }
}

/// One of the two streams of a process.
struct Output {
    name: &'static str,
    started: AtomicBool,
    pending: Mutex<Pending>,
    /// Tells the thread that there is something to write.
    filled: Condvar,
    /// Tells who waits that it is written.
    written: Condvar,
}

struct Pending {
    text: Vec<u8>,
    /// Lines dropped since this was last logged.
    lost: u64,
    /// Whether the thread is writing.
    writing: bool,
    /// Somebody waits for it.
    urgent: bool,
    /// Nothing has been taken since somebody waited in vain.
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

    /// Starts the thread that writes, unless it runs already.
    fn start(&'static self, stream: impl Write + Send + 'static) -> io::Result<()> {
        if self.started.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let thread = std::thread::Builder::new().name(format!("log {}", self.name)).stack_size(128 * 1024);
        thread.spawn(move || self.write_for_ever(stream)).map(drop).inspect_err(|_| {
            self.started.store(false, Ordering::Relaxed);
        })
    }

    /// Takes a line for writing; false when there is no room for it.
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

    /// Waits until everything is written, but no longer than this; not at all when that was in vain the last time.
    fn flush(&self, patience: Duration) {
        let mut pending = self.lock();
        if pending.stuck {
            return;
        }
        pending.urgent = true;
        self.filled.notify_one();
        let owed = |pending: &mut Pending| pending.writing || !pending.text.is_empty();
        let waited = self.written.wait_timeout_while(pending, patience, owed);
        let (mut pending, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        pending.urgent = false;
        pending.stuck = waited.timed_out();
    }

    fn write_for_ever(&self, mut stream: impl Write) {
        let mut text = Vec::new();
        loop {
            let lost = self.take(&mut text);
            let unwritten = write(&mut stream, &text).err().unwrap_or_default();
            text.clear();
            text.shrink_to(FULL);
            self.note(lost, unwritten);
        }
    }

    /// Waits until there is something to write, and takes it; returns how many lines were dropped behind it.
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

    /// Something was written, but for so many lines. What was lost is said when lines go out again.
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
            tracing::warn!(lines = lost, stream = self.name, "log lines were dropped: nobody took them in time");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes everything, however long it takes; the error is how many lines the stream did not take.
fn write(stream: &mut impl Write, mut text: &[u8]) -> Result<(), u64> {
    while !text.is_empty() {
        match stream.write(text) {
            Ok(written @ 1..) => text = &text[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody who shares the stream has set it so.
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

    /// Says more than the pipe and the buffers hold; how many lines were taken.
    fn flood(output: &Output) -> usize {
        let line = [&[b'x'; 1_023][..], b"\n"].concat();
        (0..4_096).filter(|_| output.push(&line)).count()
    }

    #[test]
    fn nobody_waits_for_a_reader_who_takes_nothing_and_memory_is_bounded() {
        let (_reader, writer) = pipe().unwrap();
        let output = output(writer);
        let taken = flood(output);
        assert!((1_024..4_096).contains(&taken) && output.lock().text.len() <= MOST, "{taken}");
        let begun = Instant::now();
        output.flush(Duration::from_millis(10));
        assert!(output.lock().stuck);
        // What was in vain once is not tried for an hour.
        output.flush(Duration::from_hours(1));
        assert!(begun.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn a_reader_who_comes_back_gets_whole_lines_and_the_rest_is_counted() {
        let (mut reader, writer) = pipe().unwrap();
        let output = output(writer);
        let mut line = vec![0; 1_024];
        for _ in 0..flood(output) {
            reader.read_exact(&mut line).unwrap();
            assert!(line[..1_023].iter().all(|byte| *byte == b'x') && line[1_023] == b'\n', "a line is whole");
        }
        output.push(b"here again\n");
        let mut again = [0; 11];
        reader.read_exact(&mut again).unwrap();
        assert_eq!(&again, b"here again\n");
    }

    #[test]
    fn a_reader_who_is_gone_is_no_failure() {
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
    fn what_was_said_is_written_when_the_flush_is_over() {
        let (mut reader, writer) = pipe().unwrap();
        let output = output(writer);
        output.push(b"the end\n");
        output.flush(Duration::from_mins(1));
        let mut said = [0; 8];
        reader.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"the end\n");
    }
}
