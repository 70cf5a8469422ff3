//! The service's database: one connection or a few, shared by all handlers of the process and remade when they break.
//!
//! tokio-postgres pipelines what concurrent handlers send, which serves more reads than a pool does; where a pattern
//! writes, further connections are there for what would otherwise wait behind a statement that waits for a lock. Every
//! statement is prepared once per connection, bounded in time, and either executed, refused, or reported as lost.

mod line;
pub(crate) mod own;
mod target;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use process::{SettingError, StartError};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

pub use tokio_postgres::Row;
pub use tokio_postgres::types::ToSql;

use crate::settings::{Resources, Setup};
use line::{Connection, Line};
pub(crate) use target::Target;

pub use own::Transaction;

const CONNECT: Duration = Duration::from_secs(3);
/// The server ends a statement at its own limit; a server silent for this much longer is taken for lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

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

/// Why a statement gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// There is no connection, or the server ended the statement at its limit. Nothing was executed.
    #[error("the database cannot be reached")]
    Unavailable,
    /// The connection broke, or went silent, while the statement was out.
    #[error("the connection to the database broke under a statement")]
    Lost(#[source] Option<tokio_postgres::Error>),
    /// The database refused the statement. Nothing was executed.
    #[error("the database refused a statement")]
    Refused(#[source] tokio_postgres::Error),
}

/// Rows to come.
pub type Answer<'a> = LocalBoxFuture<'a, Result<Vec<Row>, DbError>>;

/// A handle on the database.
pub struct Db {
    lines: Vec<Line>,
    patience: Duration,
}

impl Db {
    /// Runs one statement; at most one row is expected.
    pub async fn row(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs one statement and returns its rows. The text is the key under which it is prepared.
    pub fn rows<'a>(&'a self, sql: &'static str, values: &'a [&(dyn ToSql + Sync)]) -> Answer<'a> {
        // Boxed by a plain function, so that its code is made here and not again in every worker.
        self.query(sql, values).boxed_local()
    }

    async fn query(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, DbError> {
        let connection = self.least_busy().ok_or(DbError::Unavailable)?;
        let Ok(rows) = timeout(self.patience, connection.query(sql, values)).await else {
            connection.give_up_after(self.patience);
            return Err(DbError::Lost(None));
        };
        rows.map_err(classify)
    }

    fn least_busy(&self) -> Option<Arc<Connection>> {
        self.lines.iter().filter_map(Line::connection).min_by_key(|connection| connection.load())
    }

    fn connect(setup: &mut Setup<'_>) -> LocalBoxFuture<'static, Result<Self, StartError>> {
        // Reads wait for no locks, and pipelined on one line they cost a tenth less.
        let connections = if setup.safe { 1 } else { setup.worker.db_connections };
        let connections = if setup.settings.only_checked() { 0 } else { connections };
        let limit = setup.worker.statement_timeout_ms;
        let target = bounded(setup);
        async move {
            let target = target?;
            let (lines, first_attempts): (_, Vec<_>) = (0..connections).map(|_| Line::keep(target.clone())).unzip();
            // A worker that takes requests before it has tried to connect would refuse them for no reason.
            join_all(first_attempts).await;
            Ok(Self { lines, patience: Duration::from_millis(limit.into()) + SILENCE })
        }
        .boxed_local()
    }
}

impl Resources for Db {
    async fn open(setup: &mut Setup<'_>) -> Result<Self, StartError> {
        Self::connect(setup).await
    }
}

pub(crate) fn classify(error: tokio_postgres::Error) -> DbError {
    match error.code() {
        // The server ended the statement at its limit, or a lock was not to be had: rolled back, so not executed.
        Some(&(SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE)) => DbError::Unavailable,
        // The server is going down or was killed under us.
        Some(&(SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW)) | None => {
            DbError::Lost(Some(error))
        }
        Some(_) => DbError::Refused(error),
    }
}

/// Where the service's database is, with a limit on every statement: one that outlives its caller would only hold locks.
pub(crate) fn bounded(setup: &mut Setup<'_>) -> Result<Target, SettingError> {
    let limit = setup.worker.statement_timeout_ms;
    let mut target = target(setup)?;
    target.add_option(&format!("statement_timeout={limit}"));
    Ok(target)
}

/// Where the service's database is.
pub(crate) fn target(setup: &mut Setup<'_>) -> Result<Target, SettingError> {
    let section = format!("{}_database", setup.service);
    let settings: DatabaseSettings = setup.settings.section_named(&section)?;
    let mut target = Target::parse(&settings.url).map_err(|problem| SettingError::of(&section, "url", problem))?;
    target.config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(15)).application_name(setup.process);
    Ok(target)
}
