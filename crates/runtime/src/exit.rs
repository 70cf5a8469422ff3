//! How a process ends: its exit code and, if it failed, one sentence on standard error.

use std::io::Write;
use std::process::ExitCode;

use crate::lines;
use crate::section::SettingError;

/// EX_USAGE of sysexits(3): the command line or a setting is wrong, so a restart will not help.
pub const EX_USAGE: u8 = 64;
/// EX_UNAVAILABLE of sysexits(3): a server that is needed cannot be used.
pub const EX_UNAVAILABLE: u8 = 69;

/// Why a process could not start, or could not continue.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// Not a failure: the command line asked only for this text.
    #[error("{0}")]
    Answered(String),
    /// A server that a command needs cannot be used.
    #[error("{0}")]
    Unavailable(String),
    /// Something outside the process is wrong; a supervisor may restart it.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    /// A failure with its cause: "cannot listen on 127.0.0.1:3003: address in use".
    pub fn failed(what: impl std::fmt::Display, cause: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {cause}"))
    }
}

/// Flushes the log and turns the outcome of a process into its exit code: 0, 64 for a wrong argument or setting, 69 for
/// a server that a command cannot use, 1 for any other failure. The sentence goes to standard error because the log may
/// not be open yet.
pub fn exit_code(outcome: Result<(), StartError>) -> ExitCode {
    let Err(error) = outcome else {
        lines::finish(None);
        return ExitCode::SUCCESS;
    };
    let code = match &error {
        // A closed pipe while printing help is no failure.
        StartError::Answered(text) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            return ExitCode::SUCCESS;
        }
        StartError::Setting(_) | StartError::Usage(_) => ExitCode::from(EX_USAGE),
        StartError::Unavailable(_) => ExitCode::from(EX_UNAVAILABLE),
        StartError::Failed(_) => ExitCode::FAILURE,
    };
    // The exit code is the same if standard error is closed.
    let prefix = if matches!(error, StartError::Setting(_)) { "\nerror: " } else { "\n" };
    lines::finish(Some(&format!("error: {}\n", error.to_string().replace('\n', prefix))));
    code
}
