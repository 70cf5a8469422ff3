//! The `scaler` process: starts workers when requests wait for them, and stops them when they are idle.

mod driver;
mod http_client;
mod policy;
mod run;
mod settings;
#[cfg(test)]
mod simulation;
mod table;
mod work;

use std::process::ExitCode;
use std::time::Duration;

use amqp::{AmqpSettings, Broker};
use management::Management;
use runtime::{Problem, Program, SettingError, Shutdown, StartError, exit_code};

use crate::driver::any::AnyDriver;
use crate::driver::children::Children;
use crate::driver::process_compose::ProcessCompose;
use crate::run::Scaler;
use crate::settings::{DriverKind, ScalerSettings};
use crate::work::WorkCounters;

const PROGRAM: Program<'_> = Program {
    name: "scaler",
    about: "Starts workers when requests wait for them, and stops them when they are idle.",
    settings: &["SCALER_", "AMQP_", "LOG_"],
};
/// It has no work to drain.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit_code(start().await)
}

async fn start() -> Result<(), StartError> {
    let mut settings = PROGRAM.start()?;
    let own: ScalerSettings = settings.section()?;
    let (broker, counters) = settings.parsed("amqp", servers)?;
    settings.done()?;
    let invalid = |(key, problem): Problem| SettingError::new::<ScalerSettings>(key, problem);
    let (limits, api) = (own.limits().map_err(invalid)?, own.api().map_err(invalid)?);
    let driver = match own.driver {
        DriverKind::ProcessCompose => AnyDriver::ProcessCompose(ProcessCompose::new(api)),
        DriverKind::Children => AnyDriver::Children(
            Children::new(&own.command, &own.state_dir)
                .map_err(|error| StartError::failed(format_args!("cannot use {}", own.state_dir), error))?,
        ),
    };
    let stop = Shutdown::on_signals(GRACE)?;
    let poll = Duration::from_millis(own.poll_ms);
    Scaler { broker, driver, counters, limits, poll, stop }.run().await
}

/// The broker, and its counters if AMQP_MANAGEMENT_URL is set.
fn servers(amqp: &AmqpSettings) -> Result<(Broker, Option<WorkCounters>), Problem> {
    let broker = Broker::new(amqp, "scaler").map_err(|problem| ("url", problem))?;
    let management = Management::new(amqp, &broker)?;
    Ok((broker, management.map(WorkCounters::new)))
}
