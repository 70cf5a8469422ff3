//! An operator's connection: inspects the broker and declares what is missing.

use crate::admin::dead_letters::DeadLetters;
use crate::admin::queue_browser::QueueBrowser;
use crate::connection::{Broker, BrokerConnection, Error};
use crate::events::publisher::Publisher;
use crate::topology::{self, Depth, Item, State};

/// An operator's connection.
pub struct Operator {
    pub(super) broker: Broker,
    pub(super) connection: BrokerConnection,
}

impl Operator {
    /// Connects.
    pub async fn open(broker: &Broker) -> Result<Self, Error> {
        let broker = broker.for_whole_messages();
        let connection = broker.connect("looks around").await?;
        Ok(Self { broker, connection })
    }

    /// How each item on the broker compares with its declaration. Changes nothing.
    pub async fn compare<'i>(&self, items: &'i [Item]) -> Result<Vec<(&'i Item, State)>, Error> {
        let mut compared = Vec::with_capacity(items.len());
        for item in items {
            compared.push((item, topology::compare(&self.connection, item).await?));
        }
        Ok(compared)
    }

    /// Declares what is missing; an item that exists with other arguments is an error.
    pub async fn apply(&self, items: &[Item]) -> Result<(), Error> {
        topology::declare(&self.connection, items).await
    }

    /// The state of a queue; `None` if it does not exist.
    pub async fn depth(&self, queue: &str) -> Result<Option<Depth>, Error> {
        topology::depth(&self.connection.channel().await?, queue).await
    }

    /// Opens a queue to browse its messages.
    pub async fn browse(&self, queue: String) -> Result<QueueBrowser, Error> {
        Ok(QueueBrowser::new(queue, self.connection.channel().await?))
    }

    /// Opens a listener's dead-letter queue.
    pub async fn dead_letters(&self, listener: &str) -> Result<DeadLetters, Error> {
        let publisher = Publisher::open(&self.broker, &[]).await?;
        Ok(DeadLetters::new(listener, self.browse(topology::dead_queue(listener)).await?, publisher))
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.connection.close().await;
    }
}
