//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::endpoints::Endpoint;

const AFTER: &str = "\
Measures the stack that runs from this checkout. When none does, it builds the
programs, starts a stack with empty databases on free ports, and removes it
afterwards. A running stack keeps the users and orders that it makes.

Writes bench.md, bench.json and bench.svg, and prints the first.

Latencies and requests per second depend on what else the machine does: see
the columns for others' cores and stolen ones. Processor time per request is
steadier. To compare two versions, use --against, and trust its ratios.

Examples:
  scripts/bench --quick
  scripts/bench --only create --connections 64 --seconds 60
  scripts/bench --against ../before --only read,create --connections 64";

/// Measures what requests cost and how long they take.
#[derive(Parser)]
#[command(name = "scripts/bench", bin_name = "scripts/bench", after_help = AFTER, max_term_width = 80)]
pub(crate) struct Args {
    /// A run of less than a minute: short loads, few connections. To see that it works, not to know figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Endpoints to measure; all by default
    #[arg(long, value_delimiter = ',', value_name = "ENDPOINT,…")]
    pub(crate) only: Vec<Endpoint>,
    /// Connections of the closed loops, in which each sends its next request after an answer [default: 1,16,64,256]
    #[arg(long, value_delimiter = ',', value_name = "N,…", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connections: Vec<u16>,
    /// How long each load lasts, in seconds [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: Option<u32>,
    /// How often each load is repeated [default: 1; with --against 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: Option<u32>,
    /// Requests a second of the open loop; 0 for none [default: by endpoint, from 5 logins to 4000 refusals]
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) rate: Option<u32>,
    /// Measures the stack of another checkout too, in turn with this one, and prints ratios
    #[arg(long, value_name = "CHECKOUT")]
    pub(crate) against: Option<PathBuf>,
    /// Where the results go
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub(crate) out: PathBuf,
    /// Prints the JSON Schema of bench.json, and measures nothing
    #[arg(long)]
    pub(crate) schema: bool,
}

/// What is to be done, every choice made.
pub(crate) struct Plan {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) connections: Vec<usize>,
    pub(crate) seconds: f64,
    pub(crate) rounds: u32,
    pub(crate) rate: Option<u32>,
    /// How often each process is started.
    pub(crate) starts: u32,
}

/// Connections that serve an open loop: enough for what waits while something is slow.
const OF_AN_OPEN_LOOP: usize = 256;

impl Args {
    pub(crate) fn plan(&self) -> Plan {
        let connections: &[u16] = match &self.connections[..] {
            [] if self.quick => &[1, 16],
            [] => &[1, 16, 64, 256],
            wanted => wanted,
        };
        Plan {
            endpoints: if self.only.is_empty() {
                <Endpoint as clap::ValueEnum>::value_variants().into()
            } else {
                self.only.clone()
            },
            connections: connections.iter().copied().map(usize::from).collect(),
            seconds: self.seconds.map_or(if self.quick { 0.7 } else { 5.0 }, f64::from),
            rounds: self.rounds.unwrap_or(if self.against.is_some() && !self.quick { 3 } else { 1 }),
            rate: self.rate,
            starts: if self.quick { 2 } else { 7 },
        }
    }
}

impl Plan {
    /// Every load: endpoint, connections, and the rate of an open loop.
    pub(crate) fn loads(&self) -> Vec<(Endpoint, usize, Option<u32>)> {
        let of = |endpoint: Endpoint| {
            let closed = self.connections.iter().map(move |connections| (endpoint, *connections, None));
            let rate = self.rate.unwrap_or(endpoint.rate());
            closed.chain((rate > 0).then_some((endpoint, OF_AN_OPEN_LOOP, Some(rate))))
        };
        self.endpoints.iter().flat_map(|endpoint| of(*endpoint)).collect()
    }
}
