//! Observes the whole system repeatedly over one connection: all processes and their queues.

use std::collections::BTreeMap;

use crate::connection::{Broker, BrokerConnection, Error};
use crate::control::client::{StatusChannel, SystemStatus};
use crate::topology::{Depth, DepthQuery, Found};

/// A connection that observes the system.
pub struct Monitor {
    connection: BrokerConnection,
    status: StatusChannel,
    depths: DepthQuery,
}

impl Monitor {
    /// Connects.
    pub async fn open(broker: &Broker) -> Result<Self, Error> {
        let connection = broker.connect("watches").await?;
        let status = StatusChannel::open(&connection, broker.process()).await?;
        Ok(Self { connection, status, depths: DepthQuery::default() })
    }

    /// The status of all processes; takes up to a quarter of a second.
    pub async fn status(&mut self) -> Result<SystemStatus, Error> {
        self.status.collect().await
    }

    /// The depth of each queue that exists and answers.
    pub async fn depths(&mut self, queues: &[String]) -> Result<BTreeMap<String, Depth>, Error> {
        let mut depths = BTreeMap::new();
        for queue in queues {
            if let Found::Queue(depth) = self.depths.run(&self.connection, queue).await? {
                depths.insert(queue.clone(), depth);
            }
        }
        Ok(depths)
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.connection.close().await;
    }
}
