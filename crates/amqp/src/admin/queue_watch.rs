//! Watches the depth of queues. Only one process at a time holds the lock to do so.

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use crate::connection::{Broker, BrokerConnection, Error, in_time};
use crate::protocol::RESOURCE_LOCKED;
use crate::topology::names::SCALER_LOCK;
use crate::topology::{Depth, DepthQuery, Found};

/// A connection that watches queues and holds the lock.
pub struct QueueWatch {
    connection: BrokerConnection,
    query: DepthQuery,
    _lock: Channel,
}

impl QueueWatch {
    /// Connects; `None` while another process holds the lock, which is an exclusive queue: it ends with its connection.
    pub async fn open(broker: &Broker) -> Result<Option<Self>, Error> {
        let connection = broker.connect("scales").await?;
        let lock = connection.channel().await?;
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        match in_time(lock.queue_declare(SCALER_LOCK.into(), own, FieldTable::default())).await {
            Ok(_) => Ok(Some(Self { connection, query: DepthQuery::default(), _lock: lock })),
            Err(error) if error.is_refusal(RESOURCE_LOCKED) => {
                connection.close().await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// How many messages wait in a queue, and how many consumers it has. A queue that has crashed, and so does not answer
    /// although the broker does, counts as missing.
    pub async fn depth(&mut self, queue: &str) -> Result<Depth, Error> {
        self.query.run(&self.connection, queue).await.map(Found::depth)
    }
}
