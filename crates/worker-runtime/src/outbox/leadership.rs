//! Leadership of a service's relays: one of them publishes, and another takes over at once when its connection ends.
//!
//! It is the lock on the view `relay_leadership`, in a transaction that lasts as long as the leadership. Only the relay's
//! account has the right to that lock; an advisory lock would be anybody's. A leader that hangs says nothing in its
//! transaction, so after some seconds the server ends it. A relay that waits its turn stands in the lock's queue.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::db::dedicated::DedicatedConnection;
use crate::db::{ConnectTarget, SILENCE};
use crate::error_chain::chain;

/// Does not conflict with reading, as a backup does it, but with itself.
const LEAD: &str = "BEGIN; LOCK TABLE relay_leadership IN EXCLUSIVE MODE";
const BACKEND: &str = "SELECT pg_backend_pid()";

/// A relay's place in the queue for the leadership, or the leadership.
pub(crate) struct Leadership {
    /// While this relay waits its turn.
    turn: Option<LocalBoxFuture<'static, Result<DedicatedConnection, String>>>,
    leads: Option<DedicatedConnection>,
}

impl Leadership {
    /// Stands in the queue, with a connection of its own. Refuses to do so through a pooler that gives out connections for
    /// single transactions: `other` is another connection to the same address.
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

    /// Whether this relay leads, and still does. Waits its turn for so long; an error says that it has lost its place.
    pub(crate) async fn confirm(&mut self, patience: Duration) -> Result<bool, String> {
        if let Some(turn) = &mut self.turn {
            let Ok(led) = timeout(patience, turn).await else { return Ok(false) };
            self.turn = None;
            self.leads = Some(led?);
            tracing::info!("leading");
        }
        let Some(leader) = &self.leads else { return Err("the leadership was lost".into()) };
        // What is said in the transaction also keeps the server from ending it.
        let said = timeout(SILENCE, leader.client.simple_query("SELECT")).await;
        said.map_err(|_| "no answer in time")?.map_err(|error| chain(&error))?;
        Ok(true)
    }
}

/// Two connections that come to the same process of the server are not ours: a pooler lends them for single transactions,
/// and what is set, locked or listened to on one is soon somebody else's.
pub(crate) async fn refuse_transaction_pooling(one: &Client, other: &Client) -> Result<(), String> {
    const LOOKS: usize = 5;
    // Not prepared: behind such a pooler a statement that is prepared on one connection is run on another.
    let backend = async |client: &Client| -> Result<String, String> {
        let answers = client.simple_query(BACKEND).await.map_err(|error| chain(&error))?;
        let process = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        process.ok_or_else(|| "the server does not say which of its processes it is".into())
    };
    let mut seen = Vec::new();
    for _ in 0..LOOKS {
        seen.push((backend(one).await?, backend(other).await?));
    }
    if seen[0].0 != seen[0].1 && seen.iter().all(|looked| *looked == seen[0]) {
        return Ok(());
    }
    Err("this address leads to a pooler in transaction mode, and this process needs a direct connection \
         (or session mode): give it the database's own address"
        .into())
}
