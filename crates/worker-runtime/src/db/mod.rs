//! The service's database: one connection or a few, shared by all handlers of the process and reopened when they break.
//!
//! tokio-postgres pipelines the statements of concurrent handlers, which serves more reads than a pool does. In processes
//! that write, statements share commits (`group_commit.rs`), and there are two lanes. The first connection takes every
//! statement, with a short lock timeout. A statement that times out there runs again on one of the others, where it may wait
//! for the lock until the statement timeout. Every statement is prepared once per connection, limited in time, and either
//! executed, refused, or reported as lost.

pub(crate) mod dedicated;
mod error;
mod group_commit;
mod limits;
mod outbox_notifier;
mod pooled;
pub(crate) mod prune;
mod sqlstate;
mod statement_cache;
mod statement_name;
mod target;
pub(crate) mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::trace::SpanDetails;
use contracts::telemetry::SpanKind;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use runtime::{Backoff, SettingError, StartError};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, sleep_until, timeout};

use tokio_postgres::Error;
pub use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
pub use tokio_postgres::types::ToSql;

pub(crate) use crate::db::error::classify;
use crate::db::error::meaning_of;
use crate::db::limits::CONNECT;
pub(crate) use crate::db::limits::SILENCE;
use crate::db::outbox_notifier::OutboxNotifier;
use crate::db::pooled::{Connection, PooledConnection, Written};
use crate::db::prune::Prune;
use crate::db::sqlstate::Meaning;
use crate::db::statement_name::statement_name;
pub(crate) use crate::db::target::ConnectTarget;
use crate::meter::METER;
use crate::settings::{Context, Dependencies};
use crate::trace;

pub use crate::db::error::DbError;

pub use crate::db::transaction::Transaction;

/// A process that hangs inside a transaction loses it, and its locks, after this long.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(5);
/// The lock timeout on the first connection, where other statements wait behind.
const BRIEF: Duration = Duration::from_millis(50);
/// How often a statement is tried that collides with others, or that must be prepared again.
const ATTEMPTS: u32 = 3;

/// Settings of a service's database: `USERS_DATABASE_…`, `ORDERS_DATABASE_…`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseSettings {
    /// Where it is: `postgres://user:password@host:5432/database`.
    url: String,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self { url: "postgres://postgres@127.0.0.1:5432/postgres".into() }
    }
}

/// Which connections a statement may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Fast,
    Slow,
}

/// The future of a statement's rows.
pub type Answer<'a> = LocalBoxFuture<'a, Result<Vec<Row>, DbError>>;

/// A handle on the database.
#[derive(Clone)]
pub struct Db {
    lanes: Vec<PooledConnection>,
    /// Whether the process writes: then statements share transactions (`group_commit.rs`).
    writes: bool,
    /// Notifies the relay of recorded events; only processes that write have it.
    outbox_notifier: Option<OutboxNotifier>,
    answer_timeout: Duration,
}

impl Db {
    /// Runs one statement and returns its row, of which at most one is expected.
    pub async fn row(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs one statement and returns its rows. Its text is the key of the prepared statement.
    pub fn rows<'a>(&'a self, sql: &'static str, values: &'a [&(dyn ToSql + Sync)]) -> Answer<'a> {
        // Boxed by a plain function, so that its code is compiled once and not for each worker.
        self.query(sql, values).boxed_local()
    }

    /// Removes old rows regularly, in the background: `sql` is a `DELETE` of at most `$1` rows. A failure is logged and
    /// retried later, and affects no request.
    pub fn prune(&self, what: &'static str, sql: &'static str) {
        let (db, mut prune) = (self.clone(), Prune::new(what, sql));
        #[expect(clippy::disallowed_methods, reason = "lives as long as the process; nothing waits for it")]
        tokio::spawn(async move {
            loop {
                sleep_until(prune.due()).await;
                let done = match db.connection(Lane::Slow) {
                    Ok(connection) => connection.execute(sql, &[&Prune::BATCH]).await,
                    // The reason was logged when the connection failed.
                    Err(_) => Ok(0),
                };
                prune.note(done);
            }
        });
    }

    async fn query(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let begun = Instant::now();
        let span = trace::begin_statement();
        let answer = self.attempts(sql, values).await;
        METER.database_time.note(begun.elapsed());
        if let Some(span) = span {
            let error = answer.as_ref().err().map(|_| "failed");
            span.finish(SpanKind::Client, statement_name(sql), &SpanDetails { error, ..SpanDetails::default() });
        }
        answer
    }

    async fn attempts(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let (mut attempt, mut alone, mut lane) = (1, false, Lane::Fast);
        loop {
            let connection = self.connection(lane)?;
            let running = self.run(&connection, sql, values, alone || lane == Lane::Slow);
            let Ok(written) = timeout(self.answer_timeout, running).await else {
                connection.give_up_after(self.answer_timeout);
                return Err(DbError::Lost("no answer in time".into()));
            };
            let error = match written {
                Ok(Written::Committed { rows, records_events }) => {
                    if let Some(notifier) = self.outbox_notifier.as_ref().filter(|_| records_events) {
                        notifier.notify();
                    }
                    return Ok(rows);
                }
                Ok(Written::Unknown) => return Err(DbError::Lost("no answer to the commit".into())),
                Ok(Written::RolledBack) => {
                    alone = true;
                    continue;
                }
                Err(error) => error,
            };
            if lane == Lane::Fast && self.lanes.len() > 1 && error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
                lane = Lane::Slow;
                continue;
            }
            match meaning_of(&error) {
                // In both cases nothing was changed, so the statement may be repeated.
                Meaning::Stale if attempt < ATTEMPTS => connection.forget(sql),
                Meaning::Collision if attempt < ATTEMPTS => sleep(jitter()).await,
                meaning => {
                    if meaning == Meaning::Unusable {
                        connection.retire();
                    }
                    return Err(classify(error));
                }
            }
            attempt += 1;
        }
    }

    async fn run(
        &self,
        connection: &Connection,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
        alone: bool,
    ) -> Result<Written, Error> {
        if self.writes { connection.write(sql, values, alone).await } else { connection.query(sql, values).await }
    }

    /// In the fast lane, the first connection unless it is blocked or gone; otherwise the least busy of the others, if any.
    fn connection(&self, lane: Lane) -> Result<Arc<Connection>, DbError> {
        let (first, others) = self.lanes.split_first().ok_or_else(|| DbError::Unusable("no connection".into()))?;
        let first = first.connection();
        if let (Lane::Fast, Ok(connection)) = (lane, &first)
            && !connection.is_blocked()
        {
            return Ok(Arc::clone(connection));
        }
        let others = others.iter().filter_map(|other| other.connection().ok());
        let least_busy = others.min_by_key(|connection| connection.load());
        least_busy.map_or(first, Ok).map_err(|why| DbError::Unusable(why.as_ref().into()))
    }

    fn connect(context: &mut Context<'_>) -> LocalBoxFuture<'static, Result<Self, StartError>> {
        // Reads do not wait for locks, and cost a tenth less when pipelined on one connection.
        let connections = if context.safe { 1 } else { context.worker.db_connections };
        let connections = if context.settings.only_checked() { 0 } else { connections };
        let limit = context.worker.statement_timeout_ms;
        let (target, writes, health) = (bounded(context), !context.safe, context.health.clone());
        async move {
            let mut target = target?;
            if writes {
                target.for_writing();
            }
            let outbox_notifier = (writes && connections > 0).then(|| OutboxNotifier::start(target.clone()));
            let slow = target.clone();
            if connections > 1 {
                target.set("lock_timeout", BRIEF.as_millis());
            }
            let targets = std::iter::once(target).chain(std::iter::repeat(slow)).take(connections.into());
            let (lanes, first_attempts): (_, Vec<_>) =
                targets.map(|target| PooledConnection::keep(target, health.clone())).unzip();
            // A worker that took requests before its first attempt to connect would refuse them needlessly.
            join_all(first_attempts).await;
            Ok(Self { lanes, writes, outbox_notifier, answer_timeout: Duration::from_millis(limit.into()) + SILENCE })
        }
        .boxed_local()
    }
}

impl Dependencies for Db {
    async fn open(context: &mut Context<'_>) -> Result<Self, StartError> {
        Self::connect(context).await
    }
}

/// The service's database, with a statement timeout: a statement that outlives its caller only holds locks.
pub(crate) fn bounded(context: &mut Context<'_>) -> Result<ConnectTarget, SettingError> {
    let limit = context.worker.statement_timeout_ms;
    let mut target = target(context)?;
    target.set("statement_timeout", limit);
    target.set("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION.as_millis());
    Ok(target)
}

/// The service's database.
pub(crate) fn target(context: &mut Context<'_>) -> Result<ConnectTarget, SettingError> {
    let section = format!("{}_database", context.service);
    let parse = |settings: &DatabaseSettings| ConnectTarget::parse(&settings.url).map_err(|problem| ("url", problem));
    let mut target = context.settings.parsed(&section, parse)?;
    target.config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(15)).application_name(context.process);
    Ok(target)
}

/// A short random pause, so that statements that collided do not collide again.
pub(crate) fn jitter() -> Duration {
    Backoff::default().pause()
}
