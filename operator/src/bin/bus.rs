//! `bus`, the former name of `signalbox`: the same program, for one release.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

fn main() -> ExitCode {
    // Only to a person: what scripts read stays as it was.
    if stderr().is_terminal() {
        eprintln!("bus is called signalbox now, and goes with the next release.");
    }
    operator::main()
}
