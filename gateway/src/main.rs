//! The `gateway` process: settings → log → broker → serve → stop.

use std::process::ExitCode;

use amqp::{AmqpSettings, Broker};
use gateway::GatewaySettings;
use runtime::{Program, StartError};
use tokio::runtime::{Builder, Runtime};

const PROGRAM: Program<'_> = Program {
    name: "gateway",
    about: "The HTTP gateway: turns requests into messages for the workers, and replies into responses.",
    settings: &["GATEWAY_", "AMQP_", "LOG_"],
};

fn main() -> ExitCode {
    runtime::exit_code(start())
}

fn start() -> Result<(), StartError> {
    let mut settings = PROGRAM.start()?;
    let gateway = GatewaySettings::read(&mut settings)?;
    let parse = |amqp: &AmqpSettings| Broker::new(amqp, "gateway").map_err(|problem| ("url", problem));
    let broker = settings.parsed("amqp", parse)?;
    if settings.only_checked() {
        settings.with_problems(gateway::check(&gateway))?;
    }
    settings.done()?;
    runtime(gateway.threads)?.block_on(gateway::run(gateway, broker))
}

fn runtime(threads: usize) -> Result<Runtime, StartError> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().map_err(|error| StartError::failed("cannot start the event loop", error))
}
