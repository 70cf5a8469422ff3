//! Notifies the relay, after a commit, that there are new events in the outbox.
//!
//! `NOTIFY` takes a lock on the whole database and holds it until its transaction commits. Inside the transactions that
//! write it would keep them from committing together, so it runs on a connection of its own: once for all commits since
//! the last time, and without waiting for the disk. The relay also polls, so a lost notification costs only time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::db::dedicated::DedicatedConnection;
use crate::db::limits::SILENCE;
use crate::db::target::ConnectTarget;

/// The shortest time between two notifications.
const PAUSE: Duration = Duration::from_millis(10);

/// Sends notifications in the background.
#[derive(Clone)]
pub(crate) struct OutboxNotifier(Arc<Notify>);

impl OutboxNotifier {
    /// Notifies through a connection to this database, which is opened when needed.
    pub(crate) fn start(mut target: ConnectTarget) -> Self {
        target.set("synchronous_commit", "off");
        let pending = Arc::new(Notify::new());
        let notifier = Self(Arc::clone(&pending));
        #[expect(clippy::disallowed_methods, reason = "lives as long as the process; nothing waits for it")]
        tokio::spawn(async move {
            let mut database: Option<DedicatedConnection> = None;
            loop {
                pending.notified().await;
                let connection = match database.take().filter(|database| !database.client.is_closed()) {
                    Some(connection) => Some(connection),
                    // The process's other connections log that the database is unreachable.
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
        notifier
    }

    /// Notifies the relay soon.
    pub(crate) fn notify(&self) {
        self.0.notify_one();
    }
}
