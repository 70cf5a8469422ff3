//! One shared connection to the database, reopened whenever it breaks.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use runtime::{Backoff, Supervised, supervise};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use crate::db::group_commit::{GroupCommit, Outcome, outcome};
use crate::db::limits::{CONNECT, SILENCE};
use crate::db::statement_cache::{PreparedStatement, StatementCache};
use crate::db::target::{ConnectTarget, Driver};
use crate::error_chain::chain;
use crate::health::Health;

/// A connection with statements in flight that has been silent for this long is avoided if another one is free.
const OVERDUE: Duration = Duration::from_millis(20);

/// A slot for a connection that exists or is being opened.
#[derive(Clone)]
pub(crate) struct PooledConnection {
    /// The connection, or why there is none.
    current: Arc<RwLock<Result<Arc<Connection>, Arc<str>>>>,
    health: Health,
}

impl PooledConnection {
    /// Starts to keep a connection open. The receiver resolves when the first attempt has ended, successful or not.
    pub(crate) fn keep(target: ConnectTarget, health: Health) -> (Self, oneshot::Receiver<()>) {
        let (tried, first_attempt) = oneshot::channel();
        let slot = Self { current: Arc::new(RwLock::new(Err("not connected yet".into()))), health };
        slot.health.add();
        #[expect(clippy::disallowed_methods, reason = "lives as long as the process; nothing waits for it")]
        tokio::spawn(KeepConnected { slot: slot.clone(), target, tried: Some(tried) }.run());
        (slot, first_attempt)
    }

    /// The connection, or why there is none.
    pub(crate) fn connection(&self) -> Result<Arc<Connection>, Arc<str>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.and_then(|connection| {
            if connection.client.is_closed() { Err("the connection has ended".into()) } else { Ok(connection) }
        })
    }

    fn set(&self, connection: Result<Arc<Connection>, Arc<str>>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        self.health.changed(current.is_ok(), connection.is_ok());
        *current = connection;
    }
}

/// Keeps the connection open for as long as the process lives.
struct KeepConnected {
    slot: PooledConnection,
    target: ConnectTarget,
    /// Resolved after the first attempt.
    tried: Option<oneshot::Sender<()>>,
}

impl KeepConnected {
    async fn run(mut self) {
        // It never gives up: a silent database costs no thread.
        let _ = supervise(&mut self, pending()).await;
    }

    fn first_attempt_ended(&mut self) {
        // The receiver may be gone.
        self.tried.take().map(|tried| tried.send(()));
    }
}

impl Supervised for KeepConnected {
    type Connection = (Client, Driver);
    type Error = Arc<str>;

    async fn connect(&mut self) -> Result<(Client, Driver), Arc<str>> {
        self.target.connect().await.map_err(|cause| {
            let error = chain(cause.as_ref());
            tracing::warn!(error, "cannot reach the database");
            error.into()
        })
    }

    async fn serve(&mut self, (client, mut driver): (Client, Driver), backoff: &mut Backoff) -> Result<(), Arc<str>> {
        tracing::info!("connected to the database");
        backoff.reset();
        let connection = Arc::new(Connection::new(client));
        self.slot.set(Ok(Arc::clone(&connection)));
        self.first_attempt_ended();
        let ended = tokio::select! {
            ended = &mut driver => ended.map_or_else(|error| chain(&error), |()| "closed".into()),
            () = connection.given_up.notified() => "silent".into(),
            () = connection.retired.notified() => {
                // Statements in flight may finish; the connection closes when it is no longer used.
                #[expect(clippy::disallowed_methods, reason = "ends with the connection, and in bounded time")]
                tokio::spawn(timeout(CONNECT + SILENCE, driver));
                "unusable".into()
            }
        };
        tracing::warn!(reason = ended, "the connection to the database ended");
        Err(format!("the connection has ended: {ended}").into())
    }

    fn failed(&mut self, error: &Arc<str>) {
        self.slot.set(Err(Arc::clone(error)));
        self.first_attempt_ended();
    }
}

/// How a statement ended that did not fail itself.
pub(crate) enum Written {
    /// It is committed.
    Committed { rows: Vec<Row>, records_events: bool },
    /// Another statement of its group failed, and all were rolled back: it must be run again, alone.
    RolledBack,
    /// The connection broke during the commit.
    Unknown,
}

/// An open connection, and how busy it is.
pub(crate) struct Connection {
    client: Arc<Client>,
    group_commit: Arc<GroupCommit>,
    statements: StatementCache,
    in_flight: AtomicUsize,
    /// When the last response came, or when the first statement after an idle time was sent.
    last_response: Mutex<Instant>,
    /// Notified when the server is silent: the connection is dropped and replaced.
    given_up: Notify,
    /// Notified when the connection has become unsuitable: it is replaced.
    retired: Notify,
}

impl Connection {
    fn new(client: Client) -> Self {
        Self {
            client: Arc::new(client),
            group_commit: Arc::default(),
            statements: StatementCache::default(),
            in_flight: AtomicUsize::new(0),
            last_response: Mutex::new(Instant::now()),
            given_up: Notify::new(),
            retired: Notify::new(),
        }
    }

    /// Whether its statements in flight seem to wait for something: no response has come for a while.
    pub(crate) fn is_blocked(&self) -> bool {
        self.load() > 0 && self.silence() > OVERDUE
    }

    /// How many statements are in flight on it.
    pub(crate) fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Runs one statement, which is prepared at its first use.
    pub(crate) async fn query(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<Written, Error> {
        let _in_flight = InFlight::new(self);
        let PreparedStatement { statement, records_events } = self.prepared(sql).await?;
        let rows = self.client.query(&statement, values).await;
        self.note_response();
        Ok(Written::Committed { rows: rows?, records_events })
    }

    /// Runs one statement that writes, in a transaction that it shares with others unless it goes `alone`.
    pub(crate) async fn write(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
        alone: bool,
    ) -> Result<Written, Error> {
        let _in_flight = InFlight::new(self);
        let PreparedStatement { statement, records_events } = self.prepared(sql).await?;
        let mut turn = self.group_commit.next(&self.client, alone);
        let rows = self.client.query(&statement, values).await;
        self.note_response();
        let committed = |rows| Written::Committed { rows, records_events };
        let Some(group) = turn.group.take() else { return rows.map(committed) };
        let outcome = outcome(group).await;
        self.note_response();
        match outcome {
            Outcome::RolledBack => Ok(Written::RolledBack),
            Outcome::Unknown if rows.is_ok() => Ok(Written::Unknown),
            _ => rows.map(committed),
        }
    }

    /// Runs one statement alone; returns the number of rows that it changed.
    pub(crate) async fn execute(&self, sql: &'static str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let _in_flight = InFlight::new(self);
        let PreparedStatement { statement, .. } = self.prepared(sql).await?;
        let _turn = self.group_commit.next(&self.client, true);
        let changed = self.client.execute(&statement, values).await;
        self.note_response();
        changed
    }

    /// Makes the statement be prepared again at its next use.
    pub(crate) fn forget(&self, sql: &'static str) {
        self.statements.remove(sql);
    }

    /// Replaces the connection; statements in flight finish.
    pub(crate) fn retire(&self) {
        self.retired.notify_one();
    }

    /// Gives the connection up if the server has been silent on it for this long.
    pub(crate) fn give_up_after(&self, silence: Duration) {
        if self.silence() >= silence {
            self.given_up.notify_one();
        }
    }

    async fn prepared(&self, sql: &'static str) -> Result<PreparedStatement, Error> {
        if let Some(prepared) = self.statements.get(sql) {
            return Ok(prepared);
        }
        // Not in a group: if the group has failed, preparing would fail as well.
        let turn = self.group_commit.next(&self.client, true);
        let statement = self.client.prepare(sql).await?;
        drop(turn);
        Ok(self.statements.insert(sql, statement))
    }

    fn silence(&self) -> Duration {
        self.last_response.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn note_response(&self) {
        *self.last_response.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Counts a statement as in flight for as long as its future lives.
struct InFlight<'a>(&'a Connection);

impl<'a> InFlight<'a> {
    fn new(connection: &'a Connection) -> Self {
        if connection.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
            connection.note_response();
        }
        Self(connection)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
