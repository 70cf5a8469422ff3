//! Starts a process of a service: reads its settings, opens its log, and prepares its dependencies.

use std::time::Duration;

use amqp::Broker;
use contracts::naming::{process_name, service};
use runtime::{Program, Section, SettingError, Settings, Shutdown, StartError};

use crate::health::Health;
use crate::settings::{Context, WorkerSettings};

/// Identifies the process.
#[derive(Clone, Copy)]
pub(crate) struct ProcessSpec {
    /// The pattern that it serves, or its name as a listener or relay.
    pub(crate) name: &'static str,
    /// Whether handling its pattern changes nothing.
    pub(crate) safe: bool,
}

/// A worker process that has read its settings and opened its log.
pub(crate) struct Bootstrap {
    spec: ProcessSpec,
    process: String,
    settings: Settings,
    worker: WorkerSettings,
    broker: Broker,
    health: Health,
}

impl Bootstrap {
    /// `about` is the first sentence of the process's help, `sections` are the further settings that it has.
    pub(crate) fn read(spec: ProcessSpec, about: &str, sections: &[&str]) -> Result<Self, StartError> {
        let process = process_name(spec.name);
        let service = format!("{}_", service(spec.name).to_uppercase());
        let sections = [&[service.as_str(), "AMQP_", "WORKER_"], sections, &["LOG_"]].concat();
        let mut settings = Program { name: &process, about, settings: &sections }.start()?;
        let worker = settings.section()?;
        let broker = settings.parsed("amqp", |amqp| Broker::new(amqp, &process).map_err(|problem| ("url", problem)))?;
        Ok(Self { spec, process, settings, worker, broker, health: Health::default() })
    }

    /// What the handler's dependencies are opened with.
    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            settings: &mut self.settings,
            service: service(self.spec.name),
            safe: self.spec.safe,
            process: &self.process,
            worker: &self.worker,
            health: self.health.clone(),
        }
    }

    /// Reports wrong settings of dependencies together with those found before.
    pub(crate) fn report<T>(&mut self, opened: Result<T, StartError>) -> Result<T, StartError> {
        self.settings.with_problems(opened)
    }

    /// Reads one more section of settings.
    pub(crate) fn section<S: Section>(&mut self) -> Result<S, SettingError> {
        self.settings.section()
    }

    /// How many requests the process works on at a time.
    pub(crate) fn prefetch(&self) -> u16 {
        self.worker.prefetch
    }

    /// Whether the process can use its database, now and later.
    pub(crate) fn health(&self) -> Health {
        self.health.clone()
    }

    /// Ends the start: all settings are read, and signals are handled from now on. With `--check-config` the process ends here.
    pub(crate) fn finish(mut self) -> Result<(Broker, Shutdown), StartError> {
        self.settings.done()?;
        Ok((self.broker, Shutdown::on_signals(Duration::from_millis(self.worker.drain_ms))?))
    }
}
