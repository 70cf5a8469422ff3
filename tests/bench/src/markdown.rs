//! The report as a page of tables.

use std::fmt::Write;

use crate::results::{Cell, Report, StackReport, float, spread};
use crate::summary::{GROUPS, Row, own_cpu_us, rows};

pub(crate) fn page(report: &Report) -> String {
    let machine = &report.machine;
    let mut page = format!(
        "# Measured on {}\n\n{}, {} cores, {} MiB of memory, {}; the load, broker and databases on the same machine. Each load: \
         {} round(s) of {} s; figures are medians.\n",
        report.taken_at,
        machine.processor,
        machine.cores,
        machine.memory_mib,
        machine.system,
        report.rounds,
        report.seconds
    );
    for stack in &report.stacks {
        let _ = writeln!(page, "\n## Stack of {} checkout, {}", stack.label, stack.revision);
        page += &loads(stack);
        page += &costs(stack);
        page += &backlogs(stack);
        page += &memory(stack);
        page += &starts_and_sizes(stack);
    }
    if let [this, other] = &report.stacks[..] {
        page += &ratios(this, other);
    }
    page
}

fn loads(stack: &StackReport) -> String {
    let mut text = table(
        "Throughput and latency. An open loop sends at a fixed rate, and counts from the moment at which a request was due",
        "request | connections | open loop | good answers/s | p50 ms | p90 ms | p99 ms | max ms | errors | others' cores | stolen",
    );
    for row in rows(stack) {
        let latency = row.latency();
        let errors: Vec<String> = row.errors().iter().map(|(code, count)| format!("{count} {code}")).collect();
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {} | {:.2} | {:.2} |",
            named(&row),
            row.median(|cell| cell.answered_per_second),
            latency.p50_ms,
            latency.p90_ms,
            latency.p99_ms,
            latency.max_ms,
            if errors.is_empty() { "0".into() } else { errors.join(", ") },
            row.median(|cell| cell.other_cores),
            row.median(|cell| cell.stolen_cores),
        );
    }
    text
}

fn costs(stack: &StackReport) -> String {
    let columns = format!("request | connections | open loop | {} | sum | own code | generator", GROUPS.join(" | "));
    let mut text = table("Processor time for each request, in µs, until all events of the load are applied", &columns);
    for row in rows(stack) {
        let groups = row.cpu_us().map(|us| format!("{us:.0}")).join(" | ");
        let sum = row.median(|cell| cell.cpu_us.values().sum());
        let (own, generator) = (row.median(own_cpu_us), row.median(|cell| cell.generator_cpu_us));
        let _ = writeln!(text, "| {} | {groups} | {sum:.0} | {own:.0} | {generator:.0} |", named(&row));
    }
    text
}

fn backlogs(stack: &StackReport) -> String {
    let causing: Vec<_> = rows(stack).into_iter().filter(|row| row.first.backlog.is_some()).collect();
    if causing.is_empty() {
        return String::new();
    }
    let columns = "request | connections | open loop | orders | not applied | applied after s";
    let mut text = table("Events that were not applied when the load ended", columns);
    for row in causing {
        let figure = |get: fn(&Cell) -> Option<f64>| row.median(|cell| get(cell).unwrap_or_default());
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.0} | {:.1} |",
            named(&row),
            figure(|cell| Some(float(cell.answered))),
            figure(|cell| cell.backlog.map(|backlog| float(backlog.events))),
            figure(|cell| cell.backlog.map(|backlog| backlog.drained_after_s)),
        );
    }
    text
}

fn memory(stack: &StackReport) -> String {
    let mut text =
        table("Memory (PSS) in MiB, of all copies", "process | copies | before the load | highest after one");
    for memory in &stack.memory {
        let mib = |kib: u64| float(kib) / 1_024.0;
        let (before, highest) = (mib(memory.before_kib), mib(memory.highest_kib));
        let _ = writeln!(text, "| {} | {} | {before:.1} | {highest:.1} |", memory.process, memory.copies);
    }
    text
}

fn starts_and_sizes(stack: &StackReport) -> String {
    let mut text = String::new();
    if !stack.starts.is_empty() {
        text +=
            &table("From a process's start to the first request that it has served", "process | median ms | from | to");
    }
    for start in &stack.starts {
        if let Some((median, low, high)) = spread(start.ms.iter().copied()) {
            let _ = writeln!(text, "| {} | {median:.0} | {low:.0} | {high:.0} |", start.process);
        }
    }
    text += &table("Programs", "program | MB");
    for binary in &stack.binaries {
        let _ = writeln!(text, "| {} | {:.1} |", binary.name, float(binary.bytes) / 1e6);
    }
    text
}

/// Both stacks were loaded in turn, so a round of one has its counterpart a moment later.
fn ratios(this: &StackReport, other: &StackReport) -> String {
    let mut text = String::from("\n## This checkout in relation to the other one\n");
    text += &table(
        "Median of the rounds (lowest–highest); below 1 this one is cheaper, faster, or serves less",
        "request | connections | open loop | good answers/s | p50 | p99 | CPU, sum | CPU, own code",
    );
    let others = rows(other);
    for row in rows(this) {
        let Some(counterpart) = others.iter().find(|counterpart| counterpart.is(row.first)) else { continue };
        let ratio = |figure: &dyn Fn(&Cell) -> f64| {
            let pairs = row.cells.iter().zip(&counterpart.cells);
            let ratios = pairs.map(|(one, two)| figure(one) / figure(two)).filter(|ratio| ratio.is_finite());
            spread(ratios).map_or("–".into(), |(median, low, high)| format!("{median:.2} ({low:.2}–{high:.2})"))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            named(&row),
            ratio(&|cell| cell.answered_per_second),
            ratio(&|cell| cell.latency.p50_ms),
            ratio(&|cell| cell.latency.p99_ms),
            ratio(&|cell| cell.cpu_us.values().sum()),
            ratio(&own_cpu_us),
        );
    }
    text
}

/// The first three columns.
fn named(row: &Row<'_>) -> String {
    let rate = row.first.rate.map_or_else(|| "–".into(), |rate| format!("{rate}/s"));
    format!("{} | {} | {rate}", row.first.endpoint, row.first.connections)
}

/// A title, and the head of a table.
fn table(title: &str, columns: &str) -> String {
    let lines = columns.split('|').map(|_| "---").collect::<Vec<_>>().join("|");
    format!("\n{title}:\n\n| {columns} |\n|{lines}|\n")
}
