//! The transaction in which events are applied: one event's own, or one that several events share.
//!
//! The handlers of several events run concurrently, so that their statements are pipelined. As long as each sends one
//! statement, the effect is that of running one after the other: statements execute in the order of the events. A handler
//! that sends a further statement after a later event has sent its own is refused, and so is the whole transaction; each
//! event is then applied alone.

use std::cell::Cell;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row, Statement};

use crate::db::error::{DbError, classify};
use crate::db::statement_cache::StatementCache;

/// Which events have sent statements in a shared transaction.
#[derive(Default)]
pub(crate) struct Order {
    latest: Cell<usize>,
    is_broken: Cell<bool>,
}

impl Order {
    /// Whether an earlier event tried to send a statement after a later one.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    fn pass(&self, place: usize) -> Result<(), DbError> {
        if place < self.latest.get() {
            self.is_broken.set(true);
            return Err(DbError::Busy("a later event of the same transaction has been applied already".into()));
        }
        self.latest.set(place);
        Ok(())
    }
}

/// A transaction in which an event is applied.
pub struct Transaction<'a> {
    inner: &'a tokio_postgres::Transaction<'a>,
    statements: &'a StatementCache,
    /// The place of this event among those that share the transaction.
    place: Option<(usize, &'a Order)>,
    has_failed: Cell<bool>,
}

impl<'a> Transaction<'a> {
    /// A transaction of one event.
    pub(crate) fn own(inner: &'a tokio_postgres::Transaction<'a>, statements: &'a StatementCache) -> Self {
        Self { inner, statements, place: None, has_failed: Cell::new(false) }
    }

    /// A shared transaction, for the event at this place.
    pub(crate) fn shared(
        inner: &'a tokio_postgres::Transaction<'a>,
        statements: &'a StatementCache,
        place: (usize, &'a Order),
    ) -> Self {
        Self { inner, statements, place: Some(place), has_failed: Cell::new(false) }
    }

    /// Whether a statement has failed, even if the handler went on. Then the whole transaction has failed, and a commit would
    /// roll it back without reporting an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.get()
    }

    fn failed(&self, error: Error) -> DbError {
        self.has_failed.set(true);
        classify(error)
    }

    /// Runs one statement and returns its rows.
    pub async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let statement = self.prepared(sql).await?;
        self.inner.query(&statement, values).await.map_err(|error| self.failed(error))
    }

    /// Runs one statement; returns the number of rows that it changed.
    pub async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, DbError> {
        let statement = self.prepared(sql).await?;
        self.inner.execute(&statement, values).await.map_err(|error| self.failed(error))
    }

    /// The prepared statement, which must be sent before anything else is awaited.
    async fn prepared(&self, sql: &str) -> Result<Statement, DbError> {
        let prepared = match self.statements.get(sql) {
            Some(prepared) => prepared,
            None => self.statements.insert(sql, self.inner.prepare(sql).await.map_err(|error| self.failed(error))?),
        };
        if let Some((place, order)) = self.place {
            order.pass(place)?;
        }
        Ok(prepared.statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_pass_in_the_order_of_their_events_and_no_other() {
        let order = Order::default();
        for place in [0, 0, 1, 3, 3] {
            assert!(order.pass(place).is_ok() && !order.is_broken());
        }
        assert!(order.pass(2).is_err() && order.is_broken());
    }
}
