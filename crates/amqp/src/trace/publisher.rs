//! Publishes the finished spans of this process on the exchange `telemetry`. The broker drops them if no queue is bound.

use contracts::telemetry::SpanBatch;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel};

use crate::connection::{BrokerConnection, Error, send};
use crate::protocol::TRANSIENT;
use crate::topology::names::{SPANS, key_of};
use crate::topology::{self, Item, TELEMETRY_EXCHANGE};
use crate::trace::buffer::BUFFER;

/// Publishes over a connection of the process.
pub(crate) struct SpanPublisher {
    connection: BrokerConnection,
    /// The name of the process.
    name: String,
    /// Opened for the first span. An account without the permission has it closed by the broker.
    channel: Option<Channel>,
}

impl SpanPublisher {
    pub(crate) fn new(connection: BrokerConnection, name: String) -> Self {
        Self { connection, name, channel: None }
    }

    /// Waits for the next batch. Cancel-safe.
    pub(crate) async fn next_batch(&self) -> SpanBatch {
        BUFFER.next_batch().await
    }

    /// Publishes a batch, without waiting for the broker. A batch that cannot be published is dropped.
    pub(crate) async fn publish(&mut self, mut batch: SpanBatch) {
        for span in &mut batch.spans {
            span.process.clone_from(&self.name);
        }
        if let Err(error) = self.send(&batch).await {
            self.channel = None;
            BUFFER.count_dropped(batch.spans.len());
            tracing::debug!(error = %error, "cannot publish spans");
        }
    }

    async fn send(&mut self, batch: &SpanBatch) -> Result<(), Error> {
        let channel = if let Some(open) = self.channel.take() {
            open
        } else {
            topology::declare(&self.connection, &[Item::Exchange(TELEMETRY_EXCHANGE)]).await?;
            self.connection.channel().await?
        };
        let body = serde_json::to_vec(batch).expect("names and numbers always serialise");
        let properties =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(TRANSIENT);
        let (exchange, key) = (TELEMETRY_EXCHANGE.into(), key_of(SPANS, &self.name).into());
        send(channel.basic_publish(exchange, key, BasicPublishOptions::default(), &body, properties))?;
        self.channel = Some(channel);
        Ok(())
    }
}
