//! The operator's tool `signalbox`: dead letters, the broker's topology and permissions, the state of the system, log levels,
//! and the trace of an order.

mod accounts;
mod args;
mod dead;
mod error;
mod log_level;
mod manual;
mod move_dead;
mod print;
mod status;
mod table;
mod tool;
mod top;
mod topology;
mod trace;
mod why;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use contracts::control::LogLevelRequest;
use contracts::telemetry::TraceRequest;
use runtime::EX_USAGE;

use args::{Args, Command, Dead, Topology};
use error::CliError;
use tool::Tool;

/// The whole program, under either of its names.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // A closed pipe while printing help is no failure.
            let _ = error.print();
            let requested = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if requested { ExitCode::SUCCESS } else { ExitCode::from(EX_USAGE) };
        }
    };
    match run(args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => error.report(),
    }
}

/// Runs a command. `false` means that it found something wrong, or did not do everything.
async fn run(args: Args) -> Result<bool, CliError> {
    let json = args.json;
    match args.command {
        Command::Dead { command } => dead(&Tool::open(json)?, command).await,
        Command::Topology { command: Topology::Check } => topology::check(&Tool::open(json)?).await,
        Command::Topology { command: Topology::Apply } => topology::apply(&Tool::open(json)?).await,
        Command::Accounts => accounts::show(&Tool::open(json)?),
        Command::Why { id } => why::why(&mut Tool::open(json)?, &id).await,
        Command::Status { check } => status::status(&mut Tool::open(json)?, check).await,
        Command::Trace { id, slowest, otlp } => {
            let request =
                slowest.map_or_else(|| TraceRequest::Id(id.unwrap_or_default()), |it| TraceRequest::Slowest(it.into()));
            trace::trace(&Tool::open(json)?, request, otlp).await
        }
        Command::Top { once } => top::top(&Tool::open(json)?, once).await,
        Command::LogLevel { name, level, for_s, instance } => {
            log_level::change(&Tool::open(json)?, name, instance, LogLevelRequest { level, for_s }).await
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), args::NAME, &mut script);
            print::write(&script)
        }
        Command::Man => {
            let page = manual::page().map_err(|_| CliError::BrokenPipe)?;
            print::write(&page)
        }
    }
}

async fn dead(tool: &Tool, command: Dead) -> Result<bool, CliError> {
    match command {
        Dead::List { check } => dead::list(tool, check).await,
        Dead::Show { listener, limit, body } => dead::show(tool, listener, limit, body).await,
        Dead::Redrive { listener, which, rate, dry_run } => {
            move_dead::redrive(tool, listener, &which, rate, dry_run).await
        }
        Dead::Drop { listener, which, yes } => move_dead::drop(tool, listener, &which, yes).await,
    }
}
