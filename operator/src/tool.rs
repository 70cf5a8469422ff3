//! What every command has at hand, and how it fails.

use std::process::ExitCode;
use std::time::Duration;

use bus::{Broker, Operator};
use process::{SettingError, Settings, StartError, Stop, exit_code};
use worker::EventSettings;

/// What we are called in other sides' lists of connections.
pub(crate) const PROCESS: &str = "bus";
/// EX_USAGE of sysexits(3).
pub(crate) const USAGE: u8 = 64;

/// The settings, read; connections are made when they are needed.
pub(crate) struct Tool {
    pub(crate) settings: Settings,
    /// Writes JSON instead of text.
    pub(crate) json: bool,
    /// The delays of retries, in milliseconds: they are part of queue names.
    pub(crate) delays_ms: Vec<u32>,
    pub(crate) broker: Broker,
}

impl Tool {
    pub(crate) fn open(json: bool) -> Result<Self, Trouble> {
        let mut settings = Settings::from_environment()?;
        let events: EventSettings = settings.section()?;
        let broker = Broker::new(&settings.section_named("amqp")?, PROCESS)
            .map_err(|problem| SettingError::of("amqp", "url", problem))?;
        Ok(Self { settings, json, delays_ms: events.delays_ms().unwrap_or_default(), broker })
    }

    /// Connects to the broker.
    pub(crate) async fn operator(&self) -> Result<Operator, Trouble> {
        Ok(Operator::open(&self.broker).await?)
    }

    /// From now on Ctrl-C asks for an end in good order.
    pub(crate) fn stop() -> Result<Stop, Trouble> {
        const NEVER_INSISTED: Duration = Duration::from_mins(1);
        Ok(Stop::on_signals(NEVER_INSISTED)?)
    }
}

/// Why a command could not do what it was asked.
pub(crate) enum Trouble {
    /// It was asked in a way it does not answer to.
    Usage(String),
    /// Settings are wrong, or something outside is not as it should be.
    Failed(StartError),
    /// Whoever read our output has stopped to.
    Unheard,
}

impl Trouble {
    /// Says so on standard error.
    #[expect(clippy::print_stderr, reason = "this sentence is for the person at the terminal")]
    pub(crate) fn told(self) -> ExitCode {
        match self {
            Self::Failed(error) => exit_code(Err(error)),
            Self::Unheard => ExitCode::FAILURE,
            Self::Usage(sentence) => {
                eprintln!("error: {sentence}");
                ExitCode::from(USAGE)
            }
        }
    }
}

impl From<SettingError> for Trouble {
    fn from(error: SettingError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        Self::Failed(error)
    }
}

impl From<bus::Error> for Trouble {
    fn from(error: bus::Error) -> Self {
        Self::Failed(StartError::Failed(error.to_string()))
    }
}
