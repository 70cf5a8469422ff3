//! A read-only connection to a service's database, for operators.

use std::time::Duration;

use runtime::{Settings, StartError};
use tokio::time::timeout;

use crate::db::dedicated::DedicatedConnection;
use crate::db::{ConnectTarget, Row, SILENCE, ToSql, bounded};
use crate::error_chain::chain;
use crate::health::Health;
use crate::settings::{Context, WorkerSettings};

/// A read-only connection.
pub struct Reader {
    service: &'static str,
    database: DedicatedConnection,
    answer_timeout: Duration,
}

impl Reader {
    /// Connects to the database of a service, such as `orders`; `process` is the application name of the connection.
    pub async fn open(settings: &mut Settings, service: &'static str, process: &str) -> Result<Self, StartError> {
        let worker: WorkerSettings = settings.section()?;
        let mut target = bounded(&mut Context {
            settings,
            service,
            safe: true,
            process,
            worker: &worker,
            health: Health::default(),
        })?;
        target.set("default_transaction_read_only", "on");
        let database = DedicatedConnection::connect(&target).await.map_err(|why| {
            let (place, variable) = (place(&target), format!("{}_DATABASE_URL", service.to_uppercase()));
            StartError::Unavailable(format!("cannot reach the {service} database at {place}, set by {variable}: {why}"))
        })?;
        let answer_timeout = Duration::from_millis(worker.statement_timeout_ms.into()) + SILENCE;
        Ok(Self { service, database, answer_timeout })
    }

    /// Runs one query and returns its rows.
    pub async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StartError> {
        let failed = |why: String| StartError::Unavailable(format!("cannot read the {} database: {why}", self.service));
        let answer = timeout(self.answer_timeout, self.database.client.query(sql, values)).await;
        answer.map_err(|_| failed("no answer in time".into()))?.map_err(|error| failed(chain(&error)))
    }

    /// Runs one query and returns its row, of which at most one is expected.
    pub async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, StartError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }
}

/// The state of a service's relays and of its outbox.
pub struct RelayState {
    /// Whether one of them leads.
    pub leads: bool,
    /// How many stand by.
    pub standby: i64,
    /// Events that are not published yet.
    pub unpublished: i64,
    /// How long the oldest of them has waited, in seconds.
    pub oldest_unpublished_s: Option<f64>,
    /// Events that cannot be published.
    pub set_aside: i64,
}

/// A leader holds the lock on a view, and those that stand by wait for it. An index serves each part of what waits.
const RELAY: &str = "SELECT
        (SELECT count(*) FROM pg_locks
            WHERE relation = to_regclass('relay_leadership') AND mode = 'ExclusiveLock' AND granted),
        (SELECT count(*) FROM pg_locks
            WHERE relation = to_regclass('relay_leadership') AND mode = 'ExclusiveLock' AND NOT granted),
        count(*) FILTER (WHERE failed_at IS NULL),
        extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE failed_at IS NULL))::float8,
        count(*) FILTER (WHERE failed_at IS NOT NULL)
    FROM (
        SELECT created_at, NULL::timestamptz AS failed_at FROM outbox_pending
        UNION ALL SELECT created_at, failed_at FROM outbox WHERE failed_at IS NOT NULL
        UNION ALL SELECT created_at, failed_at FROM outbox WHERE published_seq IS NULL AND failed_at IS NULL
        UNION ALL SELECT created_at, failed_at FROM outbox
            WHERE published_seq >= 0 AND published_seq > (SELECT marked FROM outbox_sequence)
    ) AS waiting";

impl Reader {
    /// The state of the relays.
    pub async fn relay(&self) -> Result<RelayState, StartError> {
        let row = self.row(RELAY, &[]).await?;
        let row = row.ok_or_else(|| StartError::Unavailable("the database gave no answer".into()))?;
        let leaders: i64 = row.get(0);
        Ok(RelayState {
            leads: leaders > 0,
            standby: row.get(1),
            unpublished: row.get(2),
            oldest_unpublished_s: row.get(3),
            set_aside: row.get(4),
        })
    }
}

/// The address of a database without the password, for messages.
fn place(target: &ConnectTarget) -> String {
    use tokio_postgres::config::Host;
    let config = &target.config;
    let host = config.get_hosts().first().map_or_else(String::new, |host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let (name, user) = (config.get_dbname().unwrap_or_default(), config.get_user().unwrap_or_default());
    format!("{host}:{port} (database {name}, user {user})")
}
