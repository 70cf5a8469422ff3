//! `bus` — the operator's tool: what is dead and why, whether the broker is as the code declares, which rights its
//! processes need there, what happened to an order.

mod accounts;
mod args;
mod dead;
mod move_dead;
mod print;
mod tool;
mod topology;
mod why;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Args, Command, Dead, Topology};
use tool::{Tool, Trouble, USAGE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    match run(args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => trouble.told(),
    }
}

/// Whether all is as it should be.
async fn run(args: Args) -> Result<bool, Trouble> {
    let mut tool = Tool::open(args.json)?;
    match args.command {
        Command::Dead { command: Dead::List } => dead::list(&tool).await,
        Command::Dead { command: Dead::Show { listener, limit, body } } => {
            dead::show(&tool, listener, limit.get(), body).await
        }
        Command::Dead { command: Dead::Redrive { listener, which, rate, dry_run } } => {
            move_dead::redrive(&tool, listener, &which, rate, dry_run).await
        }
        Command::Dead { command: Dead::Drop { listener, which, yes } } => {
            move_dead::drop(&tool, listener, &which, yes).await
        }
        Command::Topology { command: Topology::Check } => topology::check(&tool).await,
        Command::Topology { command: Topology::Apply } => topology::apply(&tool).await,
        Command::Accounts => accounts::show(&tool),
        Command::Why { id } => why::why(&mut tool, &id).await,
    }
}
