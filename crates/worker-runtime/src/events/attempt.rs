//! How events take effect in the database: one in a transaction of its own, or several that came together in one.

use std::collections::HashSet;
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
use crate::failure::Failure;
use crate::meter::METER;

/// Notes that an event is applied; no row when it was before.
const NOTE: &str = "INSERT INTO inbox (listener, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
/// The same for several; the rows are those that were not. Before it, the copies of a listener take turns: two transactions
/// that touch the same rows in another order would wait for each other.
const TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
const NOTE_ALL: &str = "INSERT INTO inbox (listener, event_id) SELECT $1, unnest($2::uuid[])
    ON CONFLICT DO NOTHING RETURNING event_id";

/// A handler without its types.
pub(crate) trait Apply {
    fn apply<'a>(&'a self, data: &'a RawValue, transaction: &'a Transaction<'a>) -> LocalBoxFuture<'a, Outcome>;
}

/// How an event went.
pub(crate) enum Outcome {
    /// It has its effect.
    Applied,
    /// It had it before.
    Repeated,
    /// It is not what its name says.
    Undecodable(String),
    /// The handler has none to give.
    Failed(Failure),
}

/// Why an attempt is no outcome: it is made again.
pub(crate) enum Again {
    /// This copy has no database; another may have one.
    Elsewhere,
    /// The database cannot be used just now, which says nothing about the event.
    Waits,
    /// The database was lost, or too busy, under the event: once that says nothing, again and again it does.
    Suspect(DbError),
}

/// Lets events take effect.
pub(crate) struct Effects<'h> {
    listener: &'static str,
    handler: &'h dyn Apply,
    target: ConnectTarget,
    /// Made when it is needed, and again after it broke.
    database: Option<DedicatedConnection>,
    /// Whether handlers of one transaction run at once: until one of them turns out to send several statements.
    at_once: bool,
}

impl<'h> Effects<'h> {
    pub(crate) fn new(listener: &'static str, handler: &'h dyn Apply, target: ConnectTarget) -> Self {
        Self { listener, handler, target, database: None, at_once: true }
    }

    /// Whether there is a database to work with.
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

    /// Makes the next attempt on a new connection.
    pub(crate) fn disconnect(&mut self) {
        self.database = None;
    }

    /// One attempt at one event, in a transaction of its own.
    pub(crate) async fn attempt(&mut self, id: Uuid, data: &RawValue) -> Result<Outcome, Again> {
        if !self.can_work().await {
            return Err(Again::Elsewhere);
        }
        let Some(database) = &mut self.database else { return Err(Again::Elsewhere) };
        let inner = database.client.transaction().await.map_err(|_| Again::Waits)?;
        let transaction = Transaction::own(&inner, &database.statements);
        let noted = transaction.execute(NOTE, &[&self.listener, &id]).await;
        let outcome = match noted {
            Ok(0) => return Ok(Outcome::Repeated),
            Ok(_) => AssertUnwindSafe(self.handler.apply(data, &transaction)).catch_unwind().await,
            Err(error) => return failed(error.into()),
        };
        // The panic's own words went to standard error when it happened.
        match outcome.unwrap_or_else(|_| Outcome::Failed(Failure::broken("the handler panicked"))) {
            Outcome::Applied if transaction.has_failed() => {
                Ok(Outcome::Failed(Failure::broken("a statement failed, and the handler went on")))
            }
            Outcome::Applied => match inner.commit().await.map_err(classify) {
                Ok(()) => Ok(Outcome::Applied),
                Err(error) => failed(error.into()),
            },
            Outcome::Failed(failure) => failed(failure),
            other => Ok(other),
        }
    }

    /// Several events in one transaction: for each whether it had its effect now and not before. Nothing when any of them is
    /// anything but plainly applied; then none is, or nobody knows, and each is attempted by itself.
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
            tracing::info!(listener = self.listener, "the handler sends several statements; events follow one another");
            self.at_once = false;
        }
        applied.ok().flatten()
    }

    async fn apply_all(&mut self, work: &[(Uuid, &RawValue)], order: &Order) -> Option<Vec<bool>> {
        let database = self.database.as_mut()?;
        let (statements, handler) = (&database.statements, self.handler);
        // On a new connection the statements are prepared first, which takes answers.
        let at_once = self.at_once && statements.are_known();
        let turn = statements.prepare(&database.client, TURN).await.ok()?;
        let note = statements.prepare(&database.client, NOTE_ALL).await.ok()?;
        let ids: Vec<Uuid> = work.iter().map(|(id, _)| *id).collect();
        let inner = database.client.transaction().await.ok()?;
        let (whose, what): ([&(dyn ToSql + Sync); 1], [&(dyn ToSql + Sync); 2]) =
            ([&self.listener], [&self.listener, &ids]);
        // The second is executed after the first, and travels with it.
        let (waited, noted) = tokio::join!(inner.execute(&turn, &whose), inner.query(&note, &what));
        waited.ok()?;
        let mut new: HashSet<Uuid> = noted.ok()?.iter().map(|row| row.get("event_id")).collect();
        // Of two with one id the first is new.
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

/// A failure of the database's is no failure of the event's, unless the event may be its cause.
fn failed(failure: Failure) -> Result<Outcome, Again> {
    match failure {
        Failure::Database(error @ (DbError::Unusable(_) | DbError::Unavailable(_))) => {
            tracing::warn!(error = chain(&error), "the database cannot be used; the event waits");
            Err(Again::Waits)
        }
        Failure::Database(error @ (DbError::Lost(_) | DbError::Busy(_))) => {
            tracing::warn!(error = chain(&error), "the database failed under an event; it is tried again");
            Err(Again::Suspect(error))
        }
        failure => Ok(Outcome::Failed(failure)),
    }
}
