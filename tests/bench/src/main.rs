//! `scripts/bench`: measures a running system from outside, as its users and its machine see it.

mod args;
mod endpoints;
mod generator;
mod http;
mod markdown;
mod measure;
mod people;
mod plot;
mod processes;
mod results;
mod run;
mod stack;
mod starts;
mod summary;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use results::{Report, Result};
use stack::Stack;

/// The word by which this program calls itself to make a load.
const GENERATOR: &str = "generate-load";

fn main() -> ExitCode {
    let ended = if std::env::args().nth(1).as_deref() == Some(GENERATOR) { generator::main() } else { bench() };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let args = Args::parse();
    if args.schema {
        return print(&results::schema()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.map_err(|error| error.to_string())?.block_on(measured(&args))?;
    let page = markdown::page(&report);
    write(&args.out, &report, &page)?;
    print(&page)?;
    eprintln!("bench: bench.md, bench.json and bench.svg are in {}", args.out.display());
    Ok(())
}

/// Measures; whatever comes, stacks that were started for it are stopped.
async fn measured(args: &Args) -> Result<Report> {
    let mut stacks = Vec::new();
    let ended = tokio::select! {
        ended = open_and_run(args, &mut stacks) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    for stack in &mut stacks {
        stack.close().await;
    }
    ended
}

async fn open_and_run(args: &Args, stacks: &mut Vec<Stack>) -> Result<Report> {
    stacks.push(Stack::of_this_checkout()?);
    if let Some(other) = &args.against {
        stacks.push(Stack::of(other)?);
    }
    for stack in stacks.iter_mut() {
        stack.open().await?;
    }
    run::run(&args.plan(), stacks).await
}

fn write(directory: &Path, report: &Report, page: &str) -> Result<()> {
    let json = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    let picture = report.stacks.first().map(plot::svg).unwrap_or_default();
    let put = |name: &str, text: &str| fs::write(directory.join(name), text);
    let written = fs::create_dir_all(directory)
        .and_then(|()| put("bench.json", &json))
        .and_then(|()| put("bench.md", page))
        .and_then(|()| put("bench.svg", &picture));
    written.map_err(|error| format!("{}: {error}", directory.display()))
}

fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string())
}
