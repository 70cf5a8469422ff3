//! How a process ends: the exit code and, when it could not start or go on, one sentence on standard error.

use std::io::Write;
use std::process::ExitCode;

use crate::lines;
use crate::section::SettingError;

/// EX_USAGE of sysexits(3): the settings are wrong, and starting again will not help.
const EX_USAGE: u8 = 64;
/// EX_UNAVAILABLE of sysexits(3): a server that is needed cannot be used.
const EX_UNAVAILABLE: u8 = 69;

/// Why a process could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// No failure: the command line asked for this text, and for nothing else.
    #[error("{0}")]
    Answered(String),
    /// A server that a command needs cannot be used.
    #[error("{0}")]
    Unavailable(String),
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

/// Writes out the log and turns the outcome of a process into its exit code: 0, 64 for a wrong argument or setting, 69
/// for a server that a command cannot use, 1 for any other failure. The sentence on standard error is for the person at
/// the terminal: the log may not be open yet.
pub fn exit_code(outcome: Result<(), StartError>) -> ExitCode {
    let Err(error) = outcome else {
        lines::finish(None);
        return ExitCode::SUCCESS;
    };
    let code = match &error {
        // Help that nobody reads is no failure.
        StartError::Answered(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            return ExitCode::SUCCESS;
        }
        StartError::Setting(_) | StartError::Usage(_) => ExitCode::from(EX_USAGE),
        StartError::Unavailable(_) => ExitCode::from(EX_UNAVAILABLE),
        StartError::Failed(_) => ExitCode::FAILURE,
    };
    // Nor does it matter here whether anybody is there to be told.
    lines::finish(Some(&format!("error: {error}\n")));
    code
}
