//! The dead-lettered messages of one listener, which can be redriven or removed.

use crate::connection::Error;
use crate::events::publisher::{Outgoing, Publisher};
use crate::failure_headers::without_failures;

use crate::admin::queue_browser::{BrowsedMessage, Held, QueueBrowser};

/// The dead-lettered messages of one listener. A message that was taken out returns when this is closed or the process
/// ends, unless it was redriven or removed.
pub struct DeadLetters {
    listener: String,
    browser: QueueBrowser,
    publisher: Publisher,
}

impl DeadLetters {
    pub(crate) fn new(listener: &str, browser: QueueBrowser, publisher: Publisher) -> Self {
        Self { listener: listener.into(), browser, publisher }
    }

    /// Takes the next message out; `None` at the end.
    pub async fn next(&self) -> Result<Option<BrowsedMessage>, Error> {
        self.browser.next().await
    }

    /// Sends a message back to its listener, without its failure headers. It leaves the dead-letter queue only when the
    /// broker has confirmed the copy. A crash in between leaves both; the inbox makes sure that only one takes effect.
    pub async fn redrive(&self, dead: &BrowsedMessage) -> Result<(), Error> {
        let properties = without_failures(&dead.message.delivery.properties);
        let copy = Outgoing { exchange: "", key: &self.listener, body: dead.body().to_vec(), properties };
        self.publisher.publish(std::iter::once(copy)).await?;
        self.browser.remove(&dead.held()).await
    }

    /// Removes a message for ever.
    pub async fn remove(&self, dead: &Held) -> Result<(), Error> {
        self.browser.remove(dead).await
    }

    /// Returns what was taken out and neither redriven nor removed.
    pub async fn close(self) -> Result<(), Error> {
        self.browser.close().await?;
        self.publisher.close().await;
        Ok(())
    }
}
