//! Sends replies to redelivered requests on a connection of their own.
//!
//! The broker answers a forged reply address by closing the whole connection (541). A request that did so to a worker's
//! connection is redelivered, together with innocent ones. Here its reply can break only this connection, and each
//! reply is confirmed before the next one is sent, so no other reply is lost with it.

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel};
use tokio::sync::Mutex;

use crate::connection::{Broker, BrokerConnection, Error, in_time};

/// The connection, once one was needed.
pub(crate) struct IsolatedReplies {
    broker: Broker,
    open: Mutex<Option<(BrokerConnection, Channel)>>,
}

impl IsolatedReplies {
    /// Connects at the first reply.
    pub(crate) fn new(broker: Broker) -> Self {
        Self { broker, open: Mutex::new(None) }
    }

    /// Sends one reply. An error means that the broker could not be reached, not that it refused the reply.
    pub(crate) async fn reply(&self, to: ShortString, body: &[u8], properties: BasicProperties) -> Result<(), Error> {
        let mut open = self.open.lock().await;
        let (connection, channel) = match open.take() {
            Some(open) => open,
            None => self.broker.connect_confirming("answers again").await?,
        };
        match in_time(confirmed(&channel, to, body, properties)).await {
            Ok(()) => *open = Some((connection, channel)),
            Err(error) => tracing::warn!(error = %error, "a reply could not be delivered; its request counts as done"),
        }
        Ok(())
    }

    /// Closes the connection, if there is one.
    pub(crate) async fn close(&self) {
        if let Some((connection, _)) = self.open.lock().await.take() {
            connection.close().await;
        }
    }
}

async fn confirmed(channel: &Channel, to: ShortString, body: &[u8], properties: BasicProperties) -> lapin::Result<()> {
    let sent = channel.basic_publish("".into(), to, BasicPublishOptions::default(), body, properties).await?;
    sent.await.map(drop)
}
