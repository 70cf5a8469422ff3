//! Replies to requests that were delivered before, on a connection of their own.
//!
//! A broker answers a forged reply address by closing the whole connection (541). A request that broke the worker's
//! connection comes back, together with innocent ones; here its reply can break nothing but this connection, and each
//! reply is confirmed before the next one goes out, so no innocent one is lost with it.

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel};
use tokio::sync::Mutex;

use crate::connection::{Broker, BrokerConnection, Error, in_time};

/// The connection, once it was needed.
pub(crate) struct IsolatedReplies {
    broker: Broker,
    open: Mutex<Option<(BrokerConnection, Channel)>>,
}

impl IsolatedReplies {
    /// Connects when the first reply comes.
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
            Err(error) => tracing::warn!(error = %error, "a reply could not be delivered; its request is done"),
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
