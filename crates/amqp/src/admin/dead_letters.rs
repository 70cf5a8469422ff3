//! The dead messages of one listener, which can be given a fresh start or be removed.

use crate::connection::Error;
use crate::events::publisher::{Outgoing, Publisher};
use crate::failure_headers::revived;

use crate::admin::queue_browser::{BrowsedMessage, Held, QueueBrowser};

/// The dead messages of one listener. Each that is taken out goes back when this is closed, or the process dies, unless
/// it was redriven or removed.
pub struct DeadLetters {
    listener: String,
    look: QueueBrowser,
    publisher: Publisher,
}

impl DeadLetters {
    pub(crate) fn new(listener: &str, look: QueueBrowser, publisher: Publisher) -> Self {
        Self { listener: listener.into(), look, publisher }
    }

    /// Takes the next message out; `None` when there are no more.
    pub async fn next(&self) -> Result<Option<BrowsedMessage>, Error> {
        self.look.next().await
    }

    /// Gives a message back to its listener, for a fresh start. It leaves the dead queue only when the broker has
    /// confirmed its copy; a crash in between leaves two, which the inbox makes one.
    pub async fn redrive(&self, dead: &BrowsedMessage) -> Result<(), Error> {
        let properties = revived(&dead.message.delivery.properties);
        let copy = Outgoing { exchange: "", key: &self.listener, body: dead.body().to_vec(), properties };
        self.publisher.publish(std::iter::once(copy)).await?;
        self.look.remove(&dead.held()).await
    }

    /// Removes a message for good.
    pub async fn remove(&self, dead: &Held) -> Result<(), Error> {
        self.look.remove(dead).await
    }

    /// Puts back what was taken out and neither redriven nor removed.
    pub async fn close(self) -> Result<(), Error> {
        self.look.close().await?;
        self.publisher.close().await;
        Ok(())
    }
}
