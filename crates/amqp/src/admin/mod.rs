//! What an operator does to the broker: compares it with what the code declares, and looks after dead messages.

mod cause;
mod dead_letters;
mod queue_browser;
mod upgrade;

use crate::connection::{Broker, Error, Line};
use crate::events::publisher::Publisher;
use crate::topology::{self, Depth, Item, State};

pub use crate::admin::cause::Cause;
pub use crate::admin::dead_letters::Graveyard;
pub use crate::admin::queue_browser::{Found, Held, Look};
pub use crate::admin::upgrade::Upgrade;

/// A connection for looking around.
pub struct Operator {
    broker: Broker,
    line: Line,
}

impl Operator {
    /// Connects.
    pub async fn open(broker: &Broker) -> Result<Self, Error> {
        let broker = broker.for_whole_messages();
        let line = broker.connect("looks around").await?;
        Ok(Self { broker, line })
    }

    /// How each item on the broker compares with what is declared here. Makes and changes nothing.
    pub async fn compare<'i>(&self, items: &'i [Item]) -> Result<Vec<(&'i Item, State)>, Error> {
        let mut compared = Vec::with_capacity(items.len());
        for item in items {
            compared.push((item, topology::compare(&self.line, item).await?));
        }
        Ok(compared)
    }

    /// Declares what is missing; what exists with other arguments is an error.
    pub async fn apply(&self, items: &[Item]) -> Result<(), Error> {
        topology::declare(&self.line, items).await
    }

    /// How full a queue is and who consumes it; `None` when there is no such queue.
    pub async fn depth(&self, queue: &str) -> Result<Option<Depth>, Error> {
        topology::depth(&self.line.channel().await?, queue).await
    }

    /// Takes messages out of a queue to look at them.
    pub async fn look(&self, queue: String) -> Result<Look, Error> {
        Ok(Look::new(queue, self.line.channel().await?))
    }

    /// Goes through a listener's dead messages.
    pub async fn graveyard(&self, listener: &str) -> Result<Graveyard, Error> {
        let publisher = Publisher::open(&self.broker, &[]).await?;
        Ok(Graveyard::new(listener, self.look(topology::dead_queue(listener)).await?, publisher))
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.line.close().await;
    }
}
