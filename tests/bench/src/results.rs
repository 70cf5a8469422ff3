//! What is measured: the form of `bench.json`, whose schema `scripts/bench --schema` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A failure is a sentence.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The number of this form: it grows when a field changes its meaning or goes.
pub(crate) const FORMAT: u32 = 1;

/// All that a run has measured.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Report {
    /// The version of this form.
    pub(crate) format: u32,
    /// When the run began.
    pub(crate) taken_at: String,
    pub(crate) machine: Machine,
    /// How long each load lasted, in seconds.
    pub(crate) seconds: f64,
    /// How often each was repeated.
    pub(crate) rounds: u32,
    /// The stack of this checkout; then, with `--against`, that of the other one.
    pub(crate) stacks: Vec<StackReport>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) system: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct StackReport {
    /// `this` or `other`.
    pub(crate) label: String,
    /// The commit of the checkout.
    pub(crate) revision: String,
    pub(crate) cells: Vec<Cell>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) starts: Vec<Start>,
    pub(crate) binaries: Vec<Binary>,
}

/// One endpoint under one load, once.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Cell {
    pub(crate) endpoint: String,
    pub(crate) connections: usize,
    /// Requests a second of an open loop, whose latencies count from the moment at which a request was due; none is a closed loop.
    pub(crate) rate: Option<u32>,
    pub(crate) round: u32,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// Requests that came to an end, in whatever way.
    pub(crate) requests: u64,
    /// Those that were answered as they should be, and per second.
    pub(crate) answered: u64,
    pub(crate) answered_per_second: f64,
    /// Of those that were answered as they should be.
    pub(crate) latency: Latency,
    /// How often each error came: by its code, or `not_connected`, `connection_lost`, `unanswered` (after 20 s), `not_sent`.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Processor time of each process for each request, in microseconds, until all events of the load are applied.
    pub(crate) cpu_us: BTreeMap<String, f64>,
    /// The same of the load generator.
    pub(crate) generator_cpu_us: f64,
    /// Cores that were busy with something else meanwhile, and that the hypervisor gave to others.
    pub(crate) other_cores: f64,
    pub(crate) stolen_cores: f64,
    /// What was left to do when the load ended; of endpoints that cause events.
    pub(crate) backlog: Option<Backlog>,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "whoever reads the JSON sees the unit")]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

#[derive(Serialize, JsonSchema, Clone, Copy)]
pub(crate) struct Backlog {
    /// Orders that were answered and not counted yet by the listener.
    pub(crate) events: u64,
    /// How long it took until all were.
    pub(crate) drained_after_s: f64,
}

/// Memory of all copies of a process: its own, with its share of what it shares (PSS).
#[derive(Serialize, JsonSchema)]
pub(crate) struct Memory {
    pub(crate) process: String,
    pub(crate) copies: usize,
    pub(crate) before_kib: u64,
    /// The most that was found after a load.
    pub(crate) highest_kib: u64,
}

/// From a process's start to the first request that it has served.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Start {
    pub(crate) process: String,
    pub(crate) ms: Vec<f64>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Binary {
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

/// A figure for each of so many.
pub(crate) fn per(figure: f64, count: u64) -> f64 {
    figure / float(count.max(1))
}

/// A count as a figure, exact as far as anything here is counted.
pub(crate) fn float(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// The median, and the lowest and the highest.
pub(crate) fn spread(figures: impl Iterator<Item = f64>) -> Option<(f64, f64, f64)> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let (lowest, highest) = (*figures.first()?, *figures.last()?);
    // Of an even number there are two in the middle.
    let median = f64::midpoint(*figures.get((figures.len() - 1) / 2)?, *figures.get(figures.len() / 2)?);
    Some((median, lowest, highest))
}

pub(crate) fn schema() -> Result<String> {
    serde_json::to_string_pretty(&schemars::schema_for!(Report)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle_of_an_even_number_too() {
        assert_eq!(format!("{:?}", spread([4.0, 1.0, 2.0].into_iter())), "Some((2.0, 1.0, 4.0))");
        assert_eq!(format!("{:?}", spread([4.0, 1.0].into_iter())), "Some((2.5, 1.0, 4.0))");
        assert_eq!(spread(std::iter::empty()), None);
    }
}
