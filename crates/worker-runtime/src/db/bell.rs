//! Tells the relay that there is something in the outbox, after it was committed.
//!
//! `NOTIFY` takes a lock that is the whole database's and holds it until its transaction is committed, so it has no place
//! in the transactions that write: they could not commit together. It is said on a connection of its own, once for all
//! that was recorded meanwhile, and without waiting for the disk. When it is lost the relay finds the rows by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::db::dedicated::DedicatedConnection;
use crate::db::limits::SILENCE;
use crate::db::target::ConnectTarget;

/// What a statement that records something has in it: see [`record!`](crate::record).
const RECORDS: &str = "INSERT INTO outbox";
/// At most so often.
const PAUSE: Duration = Duration::from_millis(5);

/// To be rung for each statement that is committed.
#[derive(Clone)]
pub(crate) struct Bell(Arc<Notify>);

impl Bell {
    /// Rings on a connection to this database, which is made when it is needed.
    pub(crate) fn hang(mut target: ConnectTarget) -> Self {
        target.set("synchronous_commit", "off");
        let bell = Arc::new(Notify::new());
        let rung = Arc::clone(&bell);
        #[expect(clippy::disallowed_methods, reason = "lives as long as the process; nothing waits for it")]
        tokio::spawn(async move {
            let mut database: Option<DedicatedConnection> = None;
            loop {
                rung.notified().await;
                let connection = match database.take().filter(|database| !database.client.is_closed()) {
                    Some(connection) => Some(connection),
                    // That there is none the other connections tell in the log.
                    None => DedicatedConnection::connect(&target).await.ok(),
                };
                if let Some(connection) = connection
                    && let Ok(Ok(())) = timeout(SILENCE, connection.client.batch_execute("NOTIFY outbox")).await
                {
                    database = Some(connection);
                }
                sleep(PAUSE).await;
            }
        });
        Self(bell)
    }

    /// Rings if this statement has recorded something.
    pub(crate) fn committed(&self, sql: &str) {
        if sql.contains(RECORDS) {
            self.0.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_records_rings() {
        let bell = Bell(Arc::default());
        bell.committed("INSERT INTO orders VALUES ($1)");
        assert!(timeout(Duration::from_millis(1), bell.0.notified()).await.is_err());
        bell.committed(concat!("WITH placed AS (…), recorded AS (", crate::record!("placed", "$7"), ") SELECT 1"));
        assert!(timeout(Duration::from_secs(1), bell.0.notified()).await.is_ok());
    }
}
