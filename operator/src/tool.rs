//! What every command has at hand, and how it fails.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use amqp::AmqpSettings;
use amqp::Broker;
use amqp::Cause;
use amqp::Operator;
use runtime::SettingError;
use runtime::Settings;
use runtime::Shutdown;
use runtime::StartError;
use runtime::exit_code;
use worker_runtime::EventSettings;

use crate::management::Management;
use crate::print::harmless;

/// What we are called in other sides' lists of connections.
pub(crate) const PROCESS: &str = "bus";

/// Exit codes, those of sysexits(3). Frozen: scripts rely on them, and `--help` lists them.
pub(crate) const EX_USAGE: u8 = 64;
const EX_UNAVAILABLE: u8 = 69;
const EX_IOERR: u8 = 74;
const EX_NOPERM: u8 = 77;

/// The settings, read; connections are made when they are needed.
pub(crate) struct Tool {
    pub(crate) settings: Settings,
    /// Writes JSON instead of text.
    pub(crate) json: bool,
    /// The delays of retries, in milliseconds: they are part of queue names.
    pub(crate) delays_ms: Vec<u32>,
    pub(crate) broker: Broker,
    /// The broker's management API, if it is known where that is.
    pub(crate) management: Option<Management>,
}

impl Tool {
    pub(crate) fn open(json: bool) -> Result<Self, CliError> {
        let mut settings = Settings::from_environment()?;
        let events: EventSettings = settings.section()?;
        let amqp: AmqpSettings = settings.section_named("amqp")?;
        let broker = Broker::new(&amqp, PROCESS).map_err(|problem| SettingError::of("amqp", "url", problem))?;
        let management = Management::new(&amqp, &broker)?;
        Ok(Self { settings, json, delays_ms: events.delays_ms().unwrap_or_default(), broker, management })
    }

    /// Connects to the broker.
    pub(crate) async fn operator(&self) -> Result<Operator, CliError> {
        let opened = Operator::open(&self.broker).await;
        opened.map_err(|error| self.broke("cannot reach the broker", &error))
    }

    /// What the broker did not do, with where it is and what most likely stands behind it.
    pub(crate) fn broke(&self, what: &str, error: &amqp::Error) -> CliError {
        let (address, cause) = (harmless(&self.broker.address()), Cause::of(error));
        let likely = cause.map_or_else(String::new, |cause| format!("\n  {cause}"));
        let error = harmless(&error.to_string());
        let sentence = format!("{what} at {address}, the one of AMQP_URL: {error}{likely}");
        if cause.is_some_and(Cause::is_refusal) { CliError::Refused(sentence) } else { CliError::Unavailable(sentence) }
    }

    /// From now on Ctrl-C asks for an end in good order.
    pub(crate) fn stop() -> Result<Shutdown, CliError> {
        const NEVER_INSISTED: Duration = Duration::from_mins(1);
        Ok(Shutdown::on_signals(NEVER_INSISTED)?)
    }
}

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
