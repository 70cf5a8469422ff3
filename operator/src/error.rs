//! The error of a command: a message on standard error, and an exit code.

use std::io::Write;
use std::process::ExitCode;

use runtime::{EX_UNAVAILABLE, EX_USAGE, SettingError, StartError, exit_code};

/// Of sysexits(3), like those from the runtime.
const EX_IOERR: u8 = 74;
const EX_NOPERM: u8 = 77;

/// Every exit code with its meaning, as `--help` and the manual list them. Frozen: scripts rely on them.
pub(crate) const EXIT_CODES: [(u8, &str); 6] = [
    (0, "success; a check found nothing wrong"),
    (1, "something is dead-lettered, missing, different, unknown, or was not done"),
    (EX_USAGE, "an argument or a setting is wrong"),
    (EX_UNAVAILABLE, "the broker or a database cannot be reached or used"),
    (EX_IOERR, "the output cannot be written"),
    (EX_NOPERM, "the account lacks permission at the broker or a database"),
];

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
