//! What an operator does to the broker: compares it with what the code declares, and looks after dead messages.

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};

use crate::connection::{Broker, Error, Line, in_time};
use crate::grave::revived;
use crate::publisher::Outgoing;
use crate::topology::{self, Depth, Item, State, dead_queue};
use crate::{Epitaph, EventMeta, Publisher};

/// A connection for looking around.
pub struct Operator {
    broker: Broker,
    line: Line,
}

impl Operator {
    /// Connects.
    pub async fn open(broker: &Broker) -> Result<Self, Error> {
        Ok(Self { broker: broker.clone(), line: broker.connect("looks around").await? })
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
        topology::declare(&self.line.channel().await?, items).await
    }

    /// How full a queue is and who consumes it; `None` when there is no such queue.
    pub async fn depth(&self, queue: &str) -> Result<Option<Depth>, Error> {
        topology::depth(&self.line.channel().await?, queue).await
    }

    /// How many dead messages a listener has; `None` when it has no dead queue.
    pub async fn dead(&self, listener: &str) -> Result<Option<u32>, Error> {
        Ok(self.depth(&dead_queue(listener)).await?.map(|depth| depth.waiting))
    }

    /// Goes through a listener's dead messages.
    pub async fn graveyard(&self, listener: &str) -> Result<Graveyard, Error> {
        let publisher = Publisher::open(&self.broker, &[]).await?;
        Ok(Graveyard { listener: listener.into(), channel: self.line.channel().await?, publisher })
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.line.close().await;
    }
}

/// The dead messages of one listener. Each that is taken out comes back when this is closed, or the process dies,
/// unless it was redriven or dropped.
pub struct Graveyard {
    listener: String,
    channel: Channel,
    publisher: Publisher,
}

/// A dead message.
pub struct Dead {
    message: BasicGetMessage,
    /// What travels beside it; `None` when it has no identity.
    pub meta: Option<EventMeta>,
    /// Why it is here.
    pub epitaph: Epitaph,
}

impl Dead {
    /// The packet as it came. May hold what must not be logged.
    pub fn body(&self) -> &[u8] {
        &self.message.delivery.data
    }
}

impl Graveyard {
    /// Takes the next message out; `None` when there are no more.
    pub async fn next(&self) -> Result<Option<Dead>, Error> {
        let getting = self.channel.basic_get(dead_queue(&self.listener).into(), BasicGetOptions::default());
        Ok(in_time(getting).await?.map(|message| {
            let properties = &message.delivery.properties;
            let (meta, epitaph) = (EventMeta::read(properties), Epitaph::read(properties));
            Dead { message, meta, epitaph }
        }))
    }

    /// Gives a message back to its listener, for a fresh start. It leaves the dead queue only when the broker has
    /// confirmed its copy; a crash in between leaves two, which the inbox makes one.
    pub async fn redrive(&self, dead: &Dead) -> Result<(), Error> {
        let properties = revived(&dead.message.delivery.properties);
        let copy = Outgoing { exchange: "", key: &self.listener, body: dead.body().to_vec(), properties };
        self.publisher.publish(std::iter::once(copy)).await?;
        self.remove(dead).await
    }

    /// Removes a message for good.
    pub async fn remove(&self, dead: &Dead) -> Result<(), Error> {
        let tag = dead.message.delivery.delivery_tag;
        in_time(self.channel.basic_ack(tag, BasicAckOptions::default())).await
    }

    /// Puts back what was taken out and neither redriven nor removed.
    pub async fn close(self) -> Result<(), Error> {
        in_time(self.channel.close(200, "done".into())).await?;
        self.publisher.close().await;
        Ok(())
    }
}
