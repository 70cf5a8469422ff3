//! A whole run: every load on every stack, in turn.

use std::fs;

use crate::args::Plan;
use crate::measure::{Load, measure};
use crate::people::People;
use crate::processes::{Processes, machine, memory_kib};
use crate::results::{Binary, FORMAT, Memory, Report, Result, StackReport};
use crate::stack::Stack;
use crate::starts;

/// Programs that are no process of the stack.
const TOOLS: [&str; 2] = ["scaler", "signalbox"];

/// A stack, who asks it, and what is known of it.
struct Subject<'s> {
    stack: &'s Stack,
    people: People,
    report: StackReport,
}

pub(crate) async fn run(plan: &Plan, stacks: &[Stack]) -> Result<Report> {
    let taken_at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let mut subjects = Vec::new();
    for stack in stacks {
        subjects.push(Subject::prepared(stack).await?);
    }
    for (endpoint, connections, rate) in plan.loads() {
        eprintln!(
            "bench: {}, {connections} connections{}",
            endpoint.name(),
            if rate.is_some() { ", open loop" } else { "" }
        );
        let load = Load { endpoint, connections, rate, seconds: plan.seconds };
        for round in 0..plan.rounds {
            // Who is first changes from round to round.
            let count = subjects.len();
            for place in 0..count {
                let place = if round % 2 == 0 { place } else { count - 1 - place };
                subjects[place].load(load, round).await?;
            }
        }
    }
    for subject in &mut subjects {
        subject.report.starts = starts::measure(subject.stack, &subject.people, plan.starts).await?;
    }
    let stacks = subjects.into_iter().map(|subject| subject.report).collect();
    Ok(Report { format: FORMAT, taken_at, machine: machine(), seconds: plan.seconds, rounds: plan.rounds, stacks })
}

impl<'s> Subject<'s> {
    async fn prepared(stack: &'s Stack) -> Result<Self> {
        let people = People::register(stack.gateway()?).await?;
        let processes = stack.processes().await?;
        let before = memory_kib(&processes);
        let memory = |(name, kib): (&String, &u64)| Memory {
            process: name.clone(),
            copies: processes[name].len(),
            before_kib: *kib,
            highest_kib: *kib,
        };
        let report = StackReport {
            label: stack.label.into(),
            revision: stack.revision().await,
            cells: Vec::new(),
            memory: before.iter().map(memory).collect(),
            starts: Vec::new(),
            binaries: binaries(stack, &processes),
        };
        Ok(Self { stack, people, report })
    }

    async fn load(&mut self, load: Load, round: u32) -> Result<()> {
        self.report.cells.push(measure(self.stack, &mut self.people, load, round).await?);
        let found = memory_kib(&self.stack.processes().await?);
        for memory in &mut self.report.memory {
            memory.highest_kib = memory.highest_kib.max(found.get(&memory.process).copied().unwrap_or_default());
        }
        Ok(())
    }
}

fn binaries(stack: &Stack, processes: &Processes) -> Vec<Binary> {
    let directory = stack.binaries();
    let names = processes.keys().map(String::as_str).chain(TOOLS);
    let size = |name: &str| {
        let file = fs::metadata(directory.join(name)).ok()?;
        Some(Binary { name: name.into(), bytes: file.len() })
    };
    names.filter_map(size).collect()
}
