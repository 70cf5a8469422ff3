//! A terminal that runs a program: types keys and reads the screen.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::environment::{command, need};
use crate::process::Signal;
use crate::reaper;

/// A terminal, made by script(1).
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs shell commands in a new terminal of this size, with the environment of `settings`.
    pub fn open(settings: &Command, columns: u16, rows: u16, lines: &str) -> Self {
        need(&["script"]).unwrap();
        let mut script = command("script");
        script.envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let lines = format!("stty cols {columns} rows {rows}; {lines}");
        script.env("TERM", "xterm-256color").args(["-qec", &lines, "/dev/null"]);
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        reaper::watch(child.id(), Signal::Term);
        let (keyboard, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let writing = Arc::clone(&written);
        thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut some) {
                writing.lock().unwrap_or_else(PoisonError::into_inner).extend(&some[..length]);
            }
        });
        Self { child, keyboard, written }
    }

    /// Types keys.
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Everything that was written to it.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The lines on its screen, without trailing spaces.
    pub fn screen(&self, columns: usize, rows: usize) -> Vec<String> {
        screen(&self.written(), columns, rows)
    }

    /// Whether its commands have ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The program gets SIGHUP.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a terminal shows after this output. Understands cursor positions and clearing; ignores colours and modes.
fn screen(sent: &str, columns: usize, rows: usize) -> Vec<String> {
    let blank = || vec![vec![' '; columns]; rows];
    let (mut cells, mut row, mut column) = (blank(), 0, 0);
    let mut rest: VecDeque<char> = sent.chars().collect();
    while let Some(character) = rest.pop_front() {
        match character {
            '\u{1b}' if rest.front() == Some(&'[') => {
                rest.pop_front();
                let mut argument = String::new();
                let end = loop {
                    match rest.pop_front() {
                        Some(end) if ('@'..='~').contains(&end) => break end,
                        Some(more) => argument.push(more),
                        None => break ' ',
                    }
                };
                let mut numbers = argument.split(';').map(|number| number.parse().unwrap_or(1_usize));
                match end {
                    'H' => (row, column) = (numbers.next().unwrap_or(1) - 1, numbers.next().unwrap_or(1) - 1),
                    'J' => cells = blank(),
                    // The alternate screen starts empty.
                    'h' | 'l' if argument == "?1049" => (cells, row, column) = (blank(), 0, 0),
                    _ => {}
                }
            }
            '\r' => column = 0,
            '\n' => row += 1,
            control if control.is_control() => {}
            character => {
                if let Some(cell) = cells.get_mut(row).and_then(|row| row.get_mut(column)) {
                    *cell = character;
                }
                column += 1;
            }
        }
    }
    cells.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect()
}
