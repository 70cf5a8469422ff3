//! Reads a service's database from outside the service: for operators, who look and change nothing.

use std::time::Duration;

use process::{Settings, StartError};
use tokio::time::timeout;

use crate::db::own::Own;
use crate::db::{Row, SILENCE, ToSql, bounded};
use crate::failure::chain;
use crate::health::Health;
use crate::settings::{Setup, WorkerSettings};

/// A connection that can only read.
pub struct Reader {
    service: &'static str,
    database: Own,
    patience: Duration,
}

impl Reader {
    /// Connects to the database of a service, such as `orders`; `process` is what we are called in its list of
    /// connections.
    pub async fn open(settings: &mut Settings, service: &'static str, process: &str) -> Result<Self, StartError> {
        let worker: WorkerSettings = settings.section()?;
        let mut target =
            bounded(&mut Setup { settings, service, safe: true, process, worker: &worker, health: Health::default() })?;
        target.set("default_transaction_read_only", "on");
        let failed = |why| StartError::failed(format!("cannot reach the {service} database"), why);
        let database = Own::connect(&target).await.map_err(failed)?;
        let patience = Duration::from_millis(worker.statement_timeout_ms.into()) + SILENCE;
        Ok(Self { service, database, patience })
    }

    /// Runs one query and returns its rows.
    pub async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StartError> {
        let failed = |why: String| StartError::failed(format!("cannot read the {} database", self.service), why);
        let answer = timeout(self.patience, self.database.client.query(sql, values)).await;
        answer.map_err(|_| failed("no answer in time".into()))?.map_err(|error| failed(chain(&error)))
    }

    /// Runs one query of which at most one row is expected.
    pub async fn row(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, StartError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }
}
