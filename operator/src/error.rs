//! How a command fails: the sentence on standard error, and the exit code.

use std::io::Write;
use std::process::ExitCode;

use runtime::{SettingError, StartError, exit_code};

/// Exit codes, those of sysexits(3). Frozen: scripts rely on them, and `--help` lists them.
pub(crate) const EX_USAGE: u8 = 64;
const EX_UNAVAILABLE: u8 = 69;
const EX_IOERR: u8 = 74;
const EX_NOPERM: u8 = 77;

/// Why a command could not do what it was asked.
pub(crate) enum CliError {
    /// It was asked in a way it does not answer to.
    Usage(String),
    /// A server is not there, or cannot be used.
    Unavailable(String),
    /// A server does not let this account do it.
    Refused(String),
    /// Settings are wrong, or something outside is not as it should be.
    Failed(StartError),
    /// Whoever read our output has stopped to, or it cannot be written.
    Unheard,
}

impl CliError {
    /// Says so on standard error.
    pub(crate) fn told(self) -> ExitCode {
        let (sentence, code) = match self {
            Self::Failed(error) => return exit_code(Err(error)),
            Self::Unheard => return ExitCode::from(EX_IOERR),
            Self::Usage(sentence) => (sentence, EX_USAGE),
            Self::Unavailable(sentence) => (sentence, EX_UNAVAILABLE),
            Self::Refused(sentence) => (sentence, EX_NOPERM),
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
        // The only places where a database's SQLSTATE says that it is the account's rights: class 28 and 42501.
        match &error {
            StartError::Unavailable(text)
                if ["SQLSTATE 28", "SQLSTATE 42501"].iter().any(|code| text.contains(code)) =>
            {
                Self::Refused(error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}
