//! The error of a command: a message on standard error, and an exit code.

use std::io::Write;
use std::process::ExitCode;

use runtime::{SettingError, StartError, exit_code};

/// Exit codes of sysexits(3). Frozen: scripts rely on them, and `--help` lists them.
pub(crate) const EX_USAGE: u8 = 64;
const EX_UNAVAILABLE: u8 = 69;
const EX_IOERR: u8 = 74;
const EX_NOPERM: u8 = 77;

/// Why a command failed.
pub(crate) enum CliError {
    /// The arguments are wrong.
    Usage(String),
    /// A server cannot be reached or used.
    Unavailable(String),
    /// The account lacks permission.
    Denied(String),
    /// The settings are wrong, or something else failed.
    Failed(StartError),
    /// The output cannot be written, such as after its reader has closed the pipe.
    BrokenPipe,
}

impl CliError {
    /// Prints the error; returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (sentence, code) = match self {
            Self::Failed(error) => return exit_code(Err(error)),
            Self::BrokenPipe => return ExitCode::from(EX_IOERR),
            Self::Usage(sentence) => (sentence, EX_USAGE),
            Self::Unavailable(sentence) => (sentence, EX_UNAVAILABLE),
            Self::Denied(sentence) => (sentence, EX_NOPERM),
        };
        let _ = writeln!(std::io::stderr(), "error: {sentence}");
        ExitCode::from(code)
    }
}

impl From<SettingError> for CliError {
    fn from(error: SettingError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        // The SQLSTATEs that mean a lack of permission: class 28 and 42501.
        match &error {
            StartError::Unavailable(text)
                if ["SQLSTATE 28", "SQLSTATE 42501"].iter().any(|code| text.contains(code)) =>
            {
                Self::Denied(error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}
