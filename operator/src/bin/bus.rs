//! `bus`, the former name of `signalbox`: the same program, for one release.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Only on a terminal, so that scripts read the same output as before.
    if stderr().is_terminal() {
        eprintln!("bus is called signalbox now. The next release removes the old name: use signalbox.");
    }
    operator::main()
}
