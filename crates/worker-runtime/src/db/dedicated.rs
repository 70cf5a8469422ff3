//! A connection with a single user, for transactions and notifications, which a shared connection cannot have.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Error, Statement};

use crate::db::statement_cache::StatementCache;
use crate::db::target::ConnectTarget;
use crate::error_chain::chain;

/// A connection with a single user.
pub(crate) struct DedicatedConnection {
    pub(crate) client: Client,
    /// Notified at each notification that this connection listens to, and when the connection ends.
    pub(crate) notified: Arc<Notify>,
    pub(crate) statements: StatementCache,
}

impl DedicatedConnection {
    /// Connects; the error is the reason in one line.
    pub(crate) async fn connect(target: &ConnectTarget) -> Result<Self, String> {
        let (client, mut driver) = target.connect().await.map_err(|cause| chain(cause.as_ref()))?;
        let notified = Arc::new(Notify::new());
        let waker = Arc::clone(&notified);
        #[expect(clippy::disallowed_methods, reason = "ends with the client, which is ours")]
        tokio::spawn(async move {
            let mut messages = poll_fn(|cx| driver.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    waker.notify_one();
                }
            }
            waker.notify_one();
        });
        Ok(Self { client, notified, statements: StatementCache::default() })
    }

    /// The statement, prepared outside of any transaction if this is its first use.
    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(prepared) = self.statements.get(sql) {
            return Ok(prepared.statement);
        }
        Ok(self.statements.insert(sql, self.client.prepare(sql).await?).statement)
    }
}
