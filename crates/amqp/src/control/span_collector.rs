//! Receives the spans of all processes, so that the gateway remembers the latest.

use std::convert::Infallible;
use std::time::Duration;

use contracts::telemetry::SpanBatch;
use futures_util::StreamExt;

use crate::connection::{BrokerConnection, Error};
use crate::control::responder::{bind_to, consume, own_queue};
use crate::topology::names::{SPANS, key_of};
use crate::topology::{self, Item, TELEMETRY_EXCHANGE};
use crate::trace::store::STORE;

/// The most batches that wait; beyond that the oldest are dropped.
const BATCHES: i32 = 1_000;
/// The pause before another attempt.
const PAUSE: Duration = Duration::from_secs(5);

/// Collects for as long as the connection lasts. A failure harms nothing else, and is retried.
pub(crate) async fn collect(connection: &BrokerConnection, process: &str) -> Infallible {
    loop {
        let Err(error) = session(connection, process).await;
        tracing::debug!(error = %error, "cannot receive spans");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn session(connection: &BrokerConnection, process: &str) -> Result<Infallible, Error> {
    topology::declare(connection, &[Item::Exchange(TELEMETRY_EXCHANGE)]).await?;
    let channel = connection.channel().await?;
    let queue = own_queue(&channel, process, BATCHES).await?;
    bind_to(&channel, &queue, TELEMETRY_EXCHANGE, &key_of(SPANS, "#")).await?;
    let mut batches = consume(&channel, &queue).await?;
    loop {
        let delivery = batches.next().await.ok_or(Error::ConsumerEnded)??;
        if let Ok(batch) = serde_json::from_slice::<SpanBatch>(&delivery.data) {
            STORE.add(batch.spans);
        }
    }
}
