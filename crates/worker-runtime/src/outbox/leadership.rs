//! Leader election of a service's relays: one of them publishes, and another takes over at once when its connection ends.
//!
//! The leader holds a lock on the view `relay_leadership`, in a transaction that lasts as long as the leadership. Only the
//! relay's account may take that lock; an advisory lock could be taken by any account. A leader that hangs sends nothing in
//! its transaction, so the server ends it after some seconds. The other relays wait in the lock's queue.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::db::dedicated::DedicatedConnection;
use crate::db::{ConnectTarget, SILENCE};
use crate::error_chain::chain;

/// This lock mode conflicts with itself, but not with reads, such as a backup's.
const LEAD: &str = "BEGIN; LOCK TABLE relay_leadership IN EXCLUSIVE MODE";
const BACKEND: &str = "SELECT pg_backend_pid()";

/// A relay's place in the lock's queue, or the lock.
pub(crate) struct Leadership {
    /// While this relay waits for the lock.
    turn: Option<LocalBoxFuture<'static, Result<DedicatedConnection, String>>>,
    leads: Option<DedicatedConnection>,
}

impl Leadership {
    /// Queues for the lock, on a connection of its own. Refuses to do so through a pooler in transaction mode, which is
    /// detected with `other`, another connection to the same address.
    pub(crate) async fn seek(target: &ConnectTarget, other: &Client) -> Result<Self, String> {
        let mut target = target.clone();
        target.set("statement_timeout", 0);
        let own = DedicatedConnection::connect(&target).await?;
        refuse_transaction_pooling(&own.client, other).await?;
        let turn = async move {
            own.client.batch_execute(LEAD).await.map_err(|error| chain(&error))?;
            Ok(own)
        };
        Ok(Self { turn: Some(turn.boxed_local()), leads: None })
    }

    /// Whether this relay leads. Waits for the lock at most this long. An error means that it has lost its place.
    pub(crate) async fn confirm(&mut self, wait: Duration) -> Result<bool, String> {
        if let Some(turn) = &mut self.turn {
            let Ok(led) = timeout(wait, turn).await else { return Ok(false) };
            self.turn = None;
            self.leads = Some(led?);
            tracing::info!("leading");
        }
        let Some(leader) = &self.leads else { return Err("the leadership was lost".into()) };
        // Any query in the transaction also keeps the server from ending it.
        let alive = timeout(SILENCE, leader.client.simple_query("SELECT")).await;
        alive.map_err(|_| "no answer in time")?.map_err(|error| chain(&error))?;
        Ok(true)
    }
}

/// Detects a pooler in transaction mode: two connections reach the same server process, or one reaches different ones. What
/// is set, locked or listened to on such a connection soon belongs to another client.
pub(crate) async fn refuse_transaction_pooling(one: &Client, other: &Client) -> Result<(), String> {
    const ATTEMPTS: usize = 5;
    // Not prepared: behind such a pooler a prepared statement may be executed on another connection.
    let backend = async |client: &Client| -> Result<String, String> {
        let answers = client.simple_query(BACKEND).await.map_err(|error| chain(&error))?;
        let process = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        process.ok_or_else(|| "the server does not report its process id".into())
    };
    let mut seen = Vec::new();
    for _ in 0..ATTEMPTS {
        seen.push((backend(one).await?, backend(other).await?));
    }
    if seen[0].0 != seen[0].1 && seen.iter().all(|pair| *pair == seen[0]) {
        return Ok(());
    }
    Err("this address leads to a pooler in transaction mode, but this process needs a direct connection \
         (or session mode): set the database's own address"
        .into())
}
