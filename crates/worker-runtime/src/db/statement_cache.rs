//! The prepared statements of one connection, by their SQL text.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::Statement;

/// The most statements a connection keeps: a handler that composes its SQL must not fill the memory.
const CAPACITY: usize = 100;

/// Prepared statements. Each is prepared at its first use, and again after it was evicted or removed.
#[derive(Default)]
pub(crate) struct StatementCache(Mutex<HashMap<Box<str>, Statement>>);

impl StatementCache {
    pub(crate) fn get(&self, sql: &str) -> Option<Statement> {
        self.lock().get(sql).cloned()
    }

    /// Keeps a statement; evicts all others when the cache is full.
    pub(crate) fn insert(&self, sql: &str, statement: &Statement) {
        let mut statements = self.lock();
        if statements.len() >= CAPACITY {
            statements.clear();
        }
        statements.insert(sql.into(), statement.clone());
    }

    /// Removes a statement, so that it is prepared again at its next use.
    pub(crate) fn remove(&self, sql: &str) {
        self.lock().remove(sql);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Statement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
