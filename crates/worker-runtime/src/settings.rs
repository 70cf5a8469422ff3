//! The settings of every worker, and how its dependencies are opened from them.

use runtime::{Problem, Section, Settings, StartError};
use serde::{Deserialize, Serialize};

use crate::health::Health;

/// Settings of any worker process.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    /// How many requests one process works on at a time.
    pub(crate) prefetch: u16,
    /// How long a drain may take after the first SIGTERM, in milliseconds.
    pub(crate) drain_ms: u64,
    /// How many connections to its database a process keeps whose pattern writes: the first for every statement, the
    /// others for statements that wait for a lock. A process that only reads keeps one.
    pub(crate) db_connections: u16,
    /// The time limit of one SQL statement, in milliseconds; below the gateway's request timeout, so that the worker's
    /// answer still arrives in time.
    pub(crate) statement_timeout_ms: u32,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { prefetch: 64, drain_ms: 10_000, db_connections: 3, statement_timeout_ms: 4_000 }
    }
}

impl Section for WorkerSettings {
    const NAME: &'static str = "worker";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.prefetch == 0 {
            problems.push(("prefetch", "must be at least 1: zero would mean no bound".into()));
        }
        if self.db_connections == 0 {
            problems.push(("db_connections", "must be at least 1".into()));
        }
        if self.statement_timeout_ms == 0 {
            problems.push(("statement_timeout_ms", "must be at least 1: zero would mean no limit".into()));
        }
        problems
    }
}

/// Settings about events: `EVENTS_…`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSettings {
    /// The delays before an event is retried whose handler failed, in milliseconds, comma separated: one for each
    /// failure; after the last retry it is dead-lettered. The delays are part of queue names: every copy of a listener
    /// needs the same.
    retry_ms: String,
    /// How long a relay keeps published events, in hours: for `signalbox why`, and for feeds that are resumed.
    outbox_h: u32,
    /// How long a listener keeps the ids of applied events, in hours; an event that is delivered again later is applied
    /// again.
    inbox_h: u32,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { retry_ms: amqp::topology::RETRY_MS.into(), outbox_h: 7 * 24, inbox_h: 30 * 24 }
    }
}

impl EventSettings {
    /// The delays of `EVENTS_RETRY_MS`; `None` if they are invalid.
    pub fn delays_ms(&self) -> Option<Vec<u32>> {
        amqp::topology::delays_ms(&self.retry_ms)
    }

    pub(crate) fn outbox_hours(&self) -> f64 {
        self.outbox_h.into()
    }

    pub(crate) fn inbox_hours(&self) -> f64 {
        self.inbox_h.into()
    }
}

impl Section for EventSettings {
    const NAME: &'static str = "events";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.delays_ms().is_none() {
            problems
                .push(("retry_ms", "must be at most eight numbers of milliseconds, such as 1000,5000,30000".into()));
        }
        if self.outbox_h == 0 {
            problems.push(("outbox_h", "must be at least 1: feeds are resumed from it".into()));
        }
        if self.inbox_h == 0 {
            problems.push(("inbox_h", "must be at least 1: redeliveries are known by it".into()));
        }
        problems
    }
}

/// What a worker's dependencies are opened with.
pub struct Context<'a> {
    /// The source of settings.
    pub settings: &'a mut Settings,
    /// The service's name: the part of a pattern before the dot.
    pub service: &'static str,
    /// Whether its pattern changes nothing.
    pub(crate) safe: bool,
    /// The process's name, for lists of connections.
    pub process: &'a str,
    pub(crate) worker: &'a WorkerSettings,
    /// Where its database reports whether it is usable.
    pub(crate) health: Health,
}

/// Everything that a handler works with, opened once at the start.
pub trait Dependencies: Sized {
    /// Multiplies the prefetch. More than 1 where each request computes for long: a process can refuse at once what it
    /// cannot finish in time only if it sees the requests that wait.
    const LOOKAHEAD: u16 = 1;

    /// Opens it. Must not wait for something that may come later, such as a database that is still down.
    fn open(context: &mut Context<'_>) -> impl Future<Output = Result<Self, StartError>>;
}
