//! What every command uses: settings, the broker, the management API.

use std::time::Duration;

use amqp::{AmqpSettings, Broker, Cause, Operator};
use management::Management;
use runtime::{SettingError, Settings, Shutdown};
use worker_runtime::EventSettings;

use crate::error::CliError;
use crate::print::harmless;

/// The name of our connections at servers.
pub(crate) const PROCESS: &str = "bus";

/// The settings; connections are opened when they are needed.
pub(crate) struct Tool {
    pub(crate) settings: Settings,
    /// Print JSON instead of text.
    pub(crate) json: bool,
    /// The retry delays in milliseconds; they are part of queue names.
    pub(crate) delays_ms: Vec<u32>,
    pub(crate) broker: Broker,
    /// The broker's management API, if AMQP_MANAGEMENT_URL is set.
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
        settings.warn_of_unknown();
        Ok(Self { settings, json, delays_ms: events.delays_ms().unwrap_or_default(), broker, management })
    }

    /// Connects to the broker.
    pub(crate) async fn operator(&self) -> Result<Operator, CliError> {
        let opened = Operator::open(&self.broker).await;
        opened.map_err(|error| self.broke("cannot reach the broker", &error))
    }

    /// The error of a failed operation at the broker, with the broker's address and the likely cause.
    pub(crate) fn broke(&self, what: &str, error: &amqp::Error) -> CliError {
        let (address, cause) = (harmless(&self.broker.address()), Cause::of(error));
        let likely = cause.map_or_else(String::new, |cause| format!("\n  {cause}"));
        let error = harmless(&error.to_string());
        let sentence = format!("{what} at {address}, the one of AMQP_URL: {error}{likely}");
        if cause.is_some_and(Cause::is_refusal) { CliError::Denied(sentence) } else { CliError::Unavailable(sentence) }
    }

    /// Makes Ctrl-C request a graceful stop.
    pub(crate) fn stop() -> Result<Shutdown, CliError> {
        /// Nothing here acts on a forced stop.
        const GRACE: Duration = Duration::from_mins(1);
        Ok(Shutdown::on_signals(GRACE)?)
    }
}

impl From<management::Error> for CliError {
    fn from(error: management::Error) -> Self {
        let sentence = harmless(&error.to_string());
        if error.is_denied() { Self::Denied(sentence) } else { Self::Unavailable(sentence) }
    }
}
