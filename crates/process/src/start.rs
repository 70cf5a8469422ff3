//! How a process ends: the exit code and, when it could not start or go on, one sentence on standard error.

use std::process::ExitCode;

use crate::{SettingError, lines};

/// EX_USAGE of sysexits(3): the settings are wrong, and starting again will not help.
const EX_USAGE: u8 = 64;

/// Why a process could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Something outside is not as it should be; a supervisor may try again.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    /// A failure with its cause: "cannot listen on 127.0.0.1:3003: address in use".
    pub fn failed(what: impl std::fmt::Display, cause: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {cause}"))
    }
}

/// Writes out the log and turns the outcome of a process into its exit code: 0, 64 for a wrong setting, 1 for any other failure.
#[expect(
    clippy::print_stderr,
    reason = "the log may not be open yet, and this sentence is for the person at the terminal"
)]
pub fn exit_code(outcome: Result<(), StartError>) -> ExitCode {
    lines::flush();
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    match error {
        StartError::Setting(_) => ExitCode::from(EX_USAGE),
        StartError::Failed(_) => ExitCode::FAILURE,
    }
}
