//! Measures one endpoint under one load.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;

use crate::endpoints::Endpoint;
use crate::generator::{Job, Outcome};
use crate::people::People;
use crate::processes::{busy_and_stolen_us, cpu_us};
use crate::results::{Backlog, Cell, Result, float, per};
use crate::stack::Stack;

/// Events that are not applied by then are given up.
const DRAINS_WITHIN: Duration = Duration::from_mins(10);
/// How often is asked whether they are; rarely, for asking costs something itself.
const ASKED_EVERY: Duration = Duration::from_millis(100);
/// The relay marks an event as published a moment after its listener has it.
const MARKED_WITHIN: Duration = Duration::from_millis(300);

#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) endpoint: Endpoint,
    pub(crate) connections: usize,
    pub(crate) rate: Option<u32>,
    pub(crate) seconds: f64,
}

/// Loads an endpoint, and waits until what it causes has happened: that belongs to its cost.
pub(crate) async fn measure(stack: &Stack, people: &mut People, load: Load, round: u32) -> Result<Cell> {
    people.renew().await?;
    if round == 0 {
        generate(people, Load { seconds: load.seconds / 5.0, ..load }).await?;
        settle(people, load.endpoint).await?;
    }
    let processes = stack.processes().await?;
    let (begun, before, (busy_before, stolen_before)) = (Instant::now(), cpu_us(&processes), busy_and_stolen_us());
    let outcome = generate(people, load).await?;
    let backlog = settle(people, load.endpoint).await?;
    let (after, (busy_after, stolen_after)) = (cpu_us(&processes), busy_and_stolen_us());
    let elapsed_us = begun.elapsed().as_secs_f64() * 1e6;
    let spent = |name: &String| after[name] - before[name];
    let all: f64 = before.keys().map(spent).sum();
    let foreign = busy_after - busy_before - all - outcome.cpu_us;
    Ok(Cell {
        endpoint: load.endpoint.name().into(),
        connections: load.connections,
        rate: load.rate,
        round: round + 1,
        seconds: outcome.seconds,
        requests: outcome.requests,
        answered: outcome.answered,
        answered_per_second: float(outcome.answered) / outcome.seconds,
        latency: outcome.latency,
        errors: outcome.errors,
        cpu_us: before.keys().map(|name| (name.clone(), per(spent(name), outcome.requests))).collect(),
        generator_cpu_us: per(outcome.cpu_us, outcome.requests),
        other_cores: (foreign / elapsed_us).max(0.0),
        stolen_cores: (stolen_after - stolen_before) / elapsed_us,
        backlog,
    })
}

/// Has a process of its own make the load.
async fn generate(people: &mut People, load: Load) -> Result<Outcome> {
    let job = Job {
        address: people.address,
        requests: load.endpoint.requests(people),
        expected: load.endpoint.expected(),
        connections: load.connections,
        seconds: load.seconds,
        rate: load.rate,
    };
    let trouble = |error: std::io::Error| format!("the load generator: {error}");
    let program = std::env::current_exe().map_err(trouble)?;
    let mut command = Command::new(program);
    command.arg(crate::GENERATOR).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(trouble)?;
    if let Some(mut input) = child.stdin.take() {
        let text = serde_json::to_vec(&job).map_err(|error| error.to_string())?;
        input.write_all(&text).await.map_err(trouble)?;
    }
    let output = child.wait_with_output().await.map_err(trouble)?;
    let outcome: Outcome =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("the load generator ended: {error}"))?;
    if load.endpoint == Endpoint::Create {
        people.placed += outcome.answered;
    }
    Ok(outcome)
}

/// Waits until every order that was placed is counted; what was left to do at first.
async fn settle(people: &mut People, endpoint: Endpoint) -> Result<Option<Backlog>> {
    if endpoint != Endpoint::Create {
        return Ok(None);
    }
    let begun = Instant::now();
    let mut applied = people.applied().await?;
    let (events, mut drained_after) = (people.placed.saturating_sub(applied), Duration::ZERO);
    while applied < people.placed {
        if begun.elapsed() > DRAINS_WITHIN {
            return Err(format!("{} events are not applied after ten minutes", people.placed - applied));
        }
        sleep(ASKED_EVERY).await;
        applied = people.applied().await?;
        drained_after = begun.elapsed();
    }
    // An order whose answer was lost may be there all the same.
    people.placed = applied;
    sleep(MARKED_WITHIN).await;
    Ok(Some(Backlog { events, drained_after_s: drained_after.as_secs_f64() }))
}
