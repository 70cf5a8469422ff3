//! The service's database: one connection, shared by all handlers of the process and remade when it breaks.
//!
//! tokio-postgres pipelines what concurrent handlers send, which serves more reads than a pool does. Every statement is
//! prepared once per connection, bounded in time, and either executed, refused, or reported as lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bus::Backoff;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use process::{SettingError, StartError};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};

pub use tokio_postgres::Row;
pub use tokio_postgres::types::ToSql;

use crate::failure::chain;
use crate::settings::{Resources, Setup};

const CONNECT: Duration = Duration::from_secs(3);
/// The server ends a statement at its own limit; a server silent for this much longer is taken for lost.
const SILENCE: Duration = Duration::from_secs(1);

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
    /// There is no connection. Nothing was sent.
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
    current: Arc<RwLock<Option<Arc<Connection>>>>,
    patience: Duration,
}

struct Connection {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    /// Told when the server is silent, so that the supervisor drops this connection and makes another.
    given_up: tokio::sync::Notify,
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
        let connection = self.connection()?;
        let running = async { connection.client.query(&connection.prepared(sql).await?, values).await };
        match timeout(self.patience, running).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(classify(error)),
            Err(_) => {
                connection.given_up.notify_one();
                Err(DbError::Lost(None))
            }
        }
    }

    fn connection(&self) -> Result<Arc<Connection>, DbError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.filter(|connection| !connection.client.is_closed()).ok_or(DbError::Unavailable)
    }
}

impl Connection {
    async fn prepared(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }
}

fn classify(error: tokio_postgres::Error) -> DbError {
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

impl Resources for Db {
    async fn open(setup: &mut Setup<'_>) -> Result<Self, StartError> {
        Ok(Self::connect(setup)?)
    }
}

impl Db {
    fn connect(setup: &mut Setup<'_>) -> Result<Self, SettingError> {
        let limit = setup.worker.statement_timeout_ms;
        let mut config = config(setup)?;
        // A statement that outlives its caller would only hold locks.
        let options = format!("{} -c statement_timeout={limit}", config.get_options().unwrap_or_default());
        config.options(options.trim_start());
        let db = Self { current: Arc::new(RwLock::new(None)), patience: Duration::from_millis(limit.into()) + SILENCE };
        #[expect(clippy::disallowed_methods, reason = "lives as long as the process; nothing waits for it")]
        tokio::spawn(supervise(config, Arc::clone(&db.current)));
        Ok(db)
    }
}

/// Reads where the service's database is.
pub(crate) fn config(setup: &mut Setup<'_>) -> Result<Config, SettingError> {
    let section = format!("{}_database", setup.service);
    let settings: DatabaseSettings = setup.settings.section_named(&section)?;
    let mut config: Config = settings
        .url
        .parse()
        .map_err(|_| SettingError::of(&section, "url", "must be like postgres://user:password@host:5432/database"))?;
    config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(15)).application_name(setup.process);
    Ok(config)
}

/// Keeps a connection: makes it, waits until it ends, makes it again.
async fn supervise(config: Config, current: Arc<RwLock<Option<Arc<Connection>>>>) {
    let set = |connection| *current.write().unwrap_or_else(PoisonError::into_inner) = connection;
    let mut backoff = Backoff::default();
    loop {
        match timeout(CONNECT, config.connect(NoTls)).await {
            Ok(Ok((client, driver))) => {
                tracing::info!("connected to the database");
                backoff.reset();
                let (statements, given_up) = (Mutex::default(), tokio::sync::Notify::new());
                let connection = Arc::new(Connection { client, statements, given_up });
                set(Some(Arc::clone(&connection)));
                let ended = tokio::select! {
                    ended = driver => ended.map_or_else(|error| chain(&error), |()| "closed".into()),
                    () = connection.given_up.notified() => "silent".into(),
                };
                set(None);
                tracing::warn!(reason = ended, "the connection to the database ended");
            }
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "cannot reach the database"),
            Err(_) => tracing::warn!(error = "no answer in time", "cannot reach the database"),
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}
