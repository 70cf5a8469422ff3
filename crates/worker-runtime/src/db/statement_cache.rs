//! The prepared statements of one connection, by their SQL text.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::Statement;

/// The most statements a connection keeps: a handler that composes its SQL must not fill the memory.
const CAPACITY: usize = 100;
/// Part of every statement that records an event: see [`record!`](crate::record).
const RECORDING: &str = "INSERT INTO outbox_pending";

/// Begins a statement that is planned for its values each time it is run. Any other gets one plan for all values after a
/// few runs; that is a bad plan where one user has a million rows and the average user has ten.
#[macro_export]
macro_rules! plan_each_time {
    () => {
        "/* planned each time */ "
    };
}

/// A prepared statement, and what is known about it.
#[derive(Clone)]
pub(crate) struct PreparedStatement {
    pub(crate) statement: Statement,
    /// Whether it can write to the outbox: then the relay is notified after its commit.
    pub(crate) records_events: bool,
}

/// Prepared statements. Each is prepared at its first use, and again after it was evicted or removed.
#[derive(Default)]
pub(crate) struct StatementCache(Mutex<HashMap<Box<str>, PreparedStatement>>);

impl StatementCache {
    pub(crate) fn get(&self, sql: &str) -> Option<PreparedStatement> {
        self.lock().get(sql).cloned()
    }

    /// Keeps a statement, unless it is to be planned each time; evicts all others when the cache is full.
    pub(crate) fn insert(&self, sql: &str, statement: Statement) -> PreparedStatement {
        let prepared = PreparedStatement { statement, records_events: records_events(sql) };
        if sql.starts_with(plan_each_time!()) {
            return prepared; // prepared again, it has no runs behind it
        }
        let mut statements = self.lock();
        if statements.len() >= CAPACITY {
            statements.clear();
        }
        statements.insert(sql.into(), prepared.clone());
        prepared
    }

    /// Removes a statement, so that it is prepared again at its next use.
    pub(crate) fn remove(&self, sql: &str) {
        self.lock().remove(sql);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, PreparedStatement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn records_events(sql: &str) -> bool {
    sql.contains(RECORDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_record_events_are_recognised() {
        assert!(!records_events("INSERT INTO orders VALUES ($1)"));
        let recording = concat!("WITH placed AS (…), recorded AS (", crate::record!("placed", "$7"), ") SELECT 1");
        assert!(records_events(recording));
    }
}
