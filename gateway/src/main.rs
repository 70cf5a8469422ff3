//! The `gateway` process: settings → log → bus → serve → stop.

use std::process::ExitCode;

use bus::{AmqpSettings, Broker};
use gateway::GatewaySettings;
use process::{SettingError, Settings, StartError};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    process::exit_code(start())
}

fn start() -> Result<(), StartError> {
    let mut settings = Settings::from_environment()?;
    process::log::open(&settings.section()?)?;
    let gateway = GatewaySettings::read(&mut settings)?;
    let amqp: AmqpSettings = settings.section_named("amqp")?;
    settings.warn_of_unknown();
    let broker = Broker::new(&amqp, "gateway").map_err(|problem| SettingError::of("amqp", "url", problem))?;
    runtime(gateway.threads)?.block_on(gateway::run(gateway, broker))
}

fn runtime(threads: usize) -> Result<Runtime, StartError> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().map_err(|error| StartError::failed("cannot start the event loop", error))
}
