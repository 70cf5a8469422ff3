//! Applies events to the database: one event in its own transaction, or several in a shared one.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;

use amqp::{EventDelivery, EventPacket};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::db::dedicated::DedicatedConnection;
use crate::db::transaction::{Order, Transaction};
use crate::db::{ConnectTarget, DbError, ToSql, classify};
use crate::error_chain::chain;
use crate::events::suspects;
use crate::failure::Failure;
use crate::meter::METER;

/// Records that an event is applied; changes no row if it was applied before.
const NOTE: &str = "INSERT INTO inbox (listener, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// Serialises the copies of a listener before `NOTE_ALL`: two transactions that touch the same rows in different orders
/// would deadlock.
const TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
/// Records that several events are applied; returns those that were not applied before.
const NOTE_ALL: &str = "INSERT INTO inbox (listener, event_id) SELECT $1, unnest($2::uuid[])
    ON CONFLICT DO NOTHING RETURNING event_id";

/// A handler whose event type is erased.
pub(crate) trait Apply {
    fn apply<'a>(&'a self, data: &'a RawValue, transaction: &'a Transaction<'a>) -> LocalBoxFuture<'a, Outcome>;
}

/// The outcome of one event.
pub(crate) enum Outcome {
    /// Its effect is committed.
    Applied,
    /// It was applied before.
    Repeated,
    /// Its data is not what the contract of its name says.
    Undecodable(String),
    /// The handler failed.
    Failed(Failure),
}

/// Why an attempt has no outcome and must be repeated.
pub(crate) enum Again {
    /// This copy has no database; another copy may have one.
    Elsewhere,
    /// The database is unusable at the moment, whatever the event.
    Waits,
    /// The database was lost, or too busy, while the event was applied. If that happens repeatedly, the event is the cause.
    Suspect(DbError),
}

/// Applies events.
pub(crate) struct Effects<'h> {
    listener: &'static str,
    handler: &'h dyn Apply,
    target: ConnectTarget,
    /// Opened when needed, and again after it broke.
    database: Option<DedicatedConnection>,
    /// Whether the handlers of a shared transaction run concurrently: only while each sends a single statement.
    at_once: bool,
}

impl<'h> Effects<'h> {
    pub(crate) fn new(listener: &'static str, handler: &'h dyn Apply, target: ConnectTarget) -> Self {
        Self { listener, handler, target, database: None, at_once: true }
    }

    /// Whether the database is reachable; connects if necessary.
    pub(crate) async fn can_work(&mut self) -> bool {
        if self.database.as_ref().is_none_or(|database| database.client.is_closed()) {
            self.database = self.connect().await;
        }
        self.database.is_some()
    }

    /// The connection, if there is one.
    pub(crate) fn database(&self) -> Option<&DedicatedConnection> {
        self.database.as_ref()
    }

    /// Drops the connection, so that the next attempt opens a new one.
    pub(crate) fn disconnect(&mut self) {
        self.database = None;
    }

    /// How often each event was attempted by a process that did not finish. Empty when the database cannot be asked: then
    /// nothing can be attempted either.
    pub(crate) async fn recorded_attempts(&mut self, events: &[Uuid]) -> HashMap<Uuid, i32> {
        if !self.can_work().await {
            return HashMap::new();
        }
        let Some(database) = &self.database else { return HashMap::new() };
        suspects::attempts(database, self.listener, events).await.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "cannot read which events were attempted before");
            HashMap::new()
        })
    }

    /// Attempts one event in its own transaction. The attempt at a redelivered event is recorded first.
    pub(crate) async fn attempt(&mut self, id: Uuid, data: &RawValue, is_suspect: bool) -> Result<Outcome, Again> {
        if !self.can_work().await {
            return Err(Again::Elsewhere);
        }
        let Some(database) = &mut self.database else { return Err(Again::Elsewhere) };
        if is_suspect && let Err(error) = suspects::record_attempt(database, self.listener, id).await {
            return failed(classify(error).into());
        }
        let inner = database.client.transaction().await.map_err(|_| Again::Waits)?;
        let transaction = Transaction::own(&inner, &database.statements);
        let noted = transaction.execute(NOTE, &[&self.listener, &id]).await;
        let outcome = match noted {
            Ok(0) => return Ok(Outcome::Repeated),
            Ok(_) => AssertUnwindSafe(self.handler.apply(data, &transaction)).catch_unwind().await,
            Err(error) => return failed(error.into()),
        };
        // The panic hook has written the panic's message to standard error.
        match outcome.unwrap_or_else(|_| Outcome::Failed(Failure::broken("the handler panicked"))) {
            Outcome::Applied if transaction.has_failed() => {
                Ok(Outcome::Failed(Failure::broken("a statement failed, and the handler went on")))
            }
            Outcome::Applied if is_suspect => {
                if let Err(error) = transaction.execute(suspects::CLEAR, &[&self.listener, &id]).await {
                    return failed(error.into());
                }
                commit(inner).await
            }
            Outcome::Applied => commit(inner).await,
            Outcome::Failed(failure) => failed(failure),
            other => Ok(other),
        }
    }

    /// Attempts several events in one transaction. Returns for each whether it was applied now rather than before; `None`
    /// if any of them failed, or if the outcome is unknown: then each must be attempted alone.
    pub(crate) async fn attempt_all(&mut self, events: &[EventDelivery]) -> Option<Vec<bool>> {
        let mut work = Vec::with_capacity(events.len());
        for event in events {
            work.push((event.meta.as_ref()?.id, EventPacket::decode(event.body()).ok()?.data));
        }
        if !self.can_work().await {
            return None;
        }
        let order = Order::default();
        let applied = AssertUnwindSafe(self.apply_all(&work, &order)).catch_unwind().await;
        if order.is_broken() {
            tracing::info!(
                listener = self.listener,
                "the handler sends several statements; events run one after another"
            );
            self.at_once = false;
        }
        applied.ok().flatten()
    }

    async fn apply_all(&mut self, work: &[(Uuid, &RawValue)], order: &Order) -> Option<Vec<bool>> {
        let database = self.database.as_mut()?;
        let (statements, handler) = (&database.statements, self.handler);
        // On a new connection handlers must first wait for their statements to be prepared, so they cannot run concurrently.
        let at_once = self.at_once && !statements.is_empty();
        let turn = database.prepare(TURN).await.ok()?;
        let note = database.prepare(NOTE_ALL).await.ok()?;
        let ids: Vec<Uuid> = work.iter().map(|(id, _)| *id).collect();
        let inner = database.client.transaction().await.ok()?;
        let (whose, what): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) =
            ([&self.listener], [&self.listener, &ids]);
        // Pipelined: the second statement is executed after the first and costs no extra round trip.
        let (waited, noted) = tokio::join!(inner.execute(&turn, &whose), inner.query(&note, &what));
        waited.ok()?;
        let mut new: HashSet<Uuid> = noted.ok()?.iter().map(|row| row.get("event_id")).collect();
        // Of two events with the same id, the first is the new one.
        let is_new: Vec<bool> = ids.iter().map(|id| new.remove(id)).collect();
        let fresh: Vec<&RawValue> =
            work.iter().zip(&is_new).filter(|(_, new)| **new).map(|((_, data), _)| *data).collect();
        let transactions: Vec<_> =
            (0..fresh.len()).map(|place| Transaction::shared(&inner, statements, (place, order))).collect();
        let mut handlers = fresh.iter().zip(&transactions).map(|(data, transaction)| handler.apply(data, transaction));
        let is_applied = |outcome: &Outcome| matches!(outcome, Outcome::Applied);
        if at_once {
            if !join_all(handlers).await.iter().all(is_applied) || order.is_broken() {
                return None;
            }
        } else {
            for applying in handlers.by_ref() {
                if !is_applied(&applying.await) {
                    return None;
                }
            }
        }
        if transactions.iter().any(Transaction::has_failed) {
            return None;
        }
        drop(transactions);
        inner.commit().await.ok()?;
        Some(is_new)
    }

    async fn connect(&self) -> Option<DedicatedConnection> {
        match DedicatedConnection::connect(&self.target).await {
            Ok(database) => {
                tracing::info!("connected to the database");
                METER.set_database(true);
                Some(database)
            }
            Err(error) => {
                tracing::warn!(error, "cannot reach the database");
                METER.set_database(false);
                None
            }
        }
    }
}

async fn commit(transaction: tokio_postgres::Transaction<'_>) -> Result<Outcome, Again> {
    match transaction.commit().await.map_err(classify) {
        Ok(()) => Ok(Outcome::Applied),
        Err(error) => failed(error.into()),
    }
}

/// Tells failures of the database, after which the event is attempted again, from failures of the event.
fn failed(failure: Failure) -> Result<Outcome, Again> {
    match failure {
        Failure::Database(error @ (DbError::Unusable(_) | DbError::Unavailable(_))) => {
            tracing::warn!(error = chain(&error), "the database is unusable; the event waits");
            Err(Again::Waits)
        }
        Failure::Database(error @ (DbError::Lost(_) | DbError::Busy(_))) => {
            tracing::warn!(error = chain(&error), "the database failed while applying an event; trying again");
            Err(Again::Suspect(error))
        }
        failure => Ok(Outcome::Failed(failure)),
    }
}
