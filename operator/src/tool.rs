//! What every command has at hand.

use std::time::Duration;

use amqp::{AmqpSettings, Broker, Cause, Operator};
use management::Management;
use runtime::{SettingError, Settings, Shutdown};
use worker_runtime::EventSettings;

use crate::error::CliError;
use crate::print::harmless;

/// What we are called in other sides' lists of connections.
pub(crate) const PROCESS: &str = "bus";

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
        let management = Management::new(&amqp, &broker);
        let management = management.map_err(|(key, problem)| SettingError::of("amqp", key, problem))?;
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

impl From<management::Error> for CliError {
    fn from(error: management::Error) -> Self {
        let sentence = harmless(&error.to_string());
        if error.is_denied() { Self::Refused(sentence) } else { Self::Unavailable(sentence) }
    }
}
