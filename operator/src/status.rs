//! `signalbox status`: the current state of relays, databases, patterns and listeners, as the databases and the broker
//! report it.

use std::fmt;

use amqp::Operator;
use contracts::{EVENTS, PATTERNS};
use serde::Serialize;
use worker_runtime::{Reader, RelayState};

use crate::dead::{self, ListenerState};
use crate::error::CliError;
use crate::print::{self, harmless};
use crate::table::{Cell, Table};
use crate::tool::{PROCESS, Tool};

/// An event that has waited for longer means that its relay is stuck.
const OLD_S: f64 = 60.0;

#[derive(Serialize)]
struct Report {
    databases: Vec<DatabaseState>,
    relays: Vec<RelayRow>,
    patterns: Vec<PatternState>,
    listeners: Vec<ListenerState>,
}

#[derive(Serialize)]
struct DatabaseState {
    database: &'static str,
    reachable: bool,
    /// Why it is not reachable.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Numbers are null if the database cannot be queried.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RelayRow {
    relay: String,
    leader: Option<bool>,
    standby: Option<i64>,
    unpublished: Option<i64>,
    oldest_unpublished_s: Option<f64>,
    set_aside: Option<i64>,
}

impl RelayRow {
    fn of(service: &str, state: Option<&RelayState>) -> Self {
        Self {
            relay: format!("{service}.relay"),
            leader: state.map(|state| state.leads),
            standby: state.map(|state| state.standby),
            unpublished: state.map(|state| state.unpublished),
            oldest_unpublished_s: state.and_then(|state| state.oldest_unpublished_s),
            set_aside: state.map(|state| state.set_aside),
        }
    }

    fn is_late(&self) -> bool {
        self.oldest_unpublished_s.is_some_and(|age| age > OLD_S)
    }

    fn is_well(&self) -> bool {
        self.leader == Some(true) && !self.is_late() && self.set_aside == Some(0)
    }
}

/// Numbers are null if the queue does not exist.
#[derive(Serialize)]
struct PatternState {
    pattern: &'static str,
    workers: Option<u32>,
    waiting: Option<u32>,
}

impl Report {
    fn is_well(&self) -> bool {
        self.databases.iter().all(|database| database.reachable)
            && self.relays.iter().all(RelayRow::is_well)
            && self.patterns.iter().all(|pattern| pattern.workers.unwrap_or_default() > 0)
            && self.listeners.iter().all(ListenerState::is_well)
            && self.listeners.iter().all(|listener| listener.consumers.unwrap_or_default() > 0)
    }
}

/// Prints the state. A check fails unless everything is healthy.
pub(crate) async fn status(tool: &mut Tool, check: bool) -> Result<bool, CliError> {
    let mut services: Vec<&'static str> = EVENTS.iter().map(|event| event.service).collect();
    services.sort_unstable();
    services.dedup();
    let (mut databases, mut relays) = (Vec::new(), Vec::new());
    for service in services {
        let state = state(tool, service).await;
        relays.push(RelayRow::of(service, state.as_ref().ok()));
        let problem = state.err().map(|error| error.to_string());
        databases.push(DatabaseState { database: service, reachable: problem.is_none(), problem });
    }
    let operator = tool.operator().await?;
    let queues = queues(tool, &operator).await;
    operator.close().await;
    let (patterns, listeners) = queues.map_err(|error| tool.broke("cannot ask the broker", &error))?;
    let report = Report { databases, relays, patterns, listeners };
    print::report(&report, tool.json)?;
    Ok(!check || report.is_well())
}

async fn state(tool: &mut Tool, service: &'static str) -> Result<RelayState, runtime::StartError> {
    Reader::open(&mut tool.settings, service, PROCESS).await?.relay().await
}

async fn queues(tool: &Tool, operator: &Operator) -> Result<(Vec<PatternState>, Vec<ListenerState>), amqp::Error> {
    let mut patterns = Vec::new();
    for pattern in PATTERNS {
        let depth = operator.depth(pattern).await?;
        let (workers, waiting) = (depth.map(|depth| depth.consumers), depth.map(|depth| depth.waiting));
        patterns.push(PatternState { pattern, workers, waiting });
    }
    Ok((patterns, dead::listeners(tool, operator).await?))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for DatabaseState { database, problem, .. } in &self.databases {
            match problem {
                None => writeln!(f, "database {database}: reachable")?,
                Some(problem) => writeln!(f, "database {database}: {}", harmless(problem))?,
            }
        }
        let mut relays = Table::new(["RELAY", "LEADER", "STANDBY", "UNPUBLISHED", "OLDEST", "SET ASIDE"]);
        for relay in &self.relays {
            relays.row([
                Cell::text(&relay.relay),
                Cell::number(relay.leader.map(u8::from)).alarm_if(relay.leader != Some(true)),
                Cell::number(relay.standby),
                Cell::number(relay.unpublished),
                Cell::number(relay.oldest_unpublished_s.map(|age| format!("{age:.0} s"))).alarm_if(relay.is_late()),
                Cell::number(relay.set_aside).alarm_if(relay.set_aside != Some(0)),
            ]);
        }
        let mut patterns = Table::new(["PATTERN", "WORKERS", "WAITING"]);
        for PatternState { pattern, workers, waiting } in &self.patterns {
            let none = workers.unwrap_or_default() == 0;
            patterns.row([Cell::text(*pattern), Cell::number(*workers).alarm_if(none), Cell::number(*waiting)]);
        }
        write!(f, "\n{relays}\n{patterns}\n{}", dead::table(&self.listeners))
    }
}
