//! Takes messages out of a queue to look at them, and returns them.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};

use crate::connection::{Error, in_time};
use crate::events::metadata::EventMetadata;
use crate::failure_headers::FailureInfo;
use crate::packet::EventPacket;
use crate::topology;

/// Messages taken out of a queue. All of them return when this is closed or the process ends; a broker may put them
/// behind those that were not taken out. Meanwhile nobody else sees them.
pub struct QueueBrowser {
    queue: String,
    channel: Channel,
    /// How many are taken out.
    held: Cell<u32>,
}

/// A message that was taken out.
pub struct BrowsedMessage {
    pub(crate) message: BasicGetMessage,
    /// Its metadata; `None` if it has no id.
    pub meta: Option<EventMetadata>,
    /// Its failure headers: why it was dead-lettered or retried.
    pub failure: FailureInfo,
}

/// A handle on a message that was taken out.
#[derive(Clone, Copy)]
pub struct Held(u64);

impl BrowsedMessage {
    /// Its handle, for removing it later.
    pub fn held(&self) -> Held {
        Held(self.message.delivery.delivery_tag)
    }

    /// The body. May hold what must not be logged.
    pub fn body(&self) -> &[u8] {
        &self.message.delivery.data
    }

    /// Its message id, whatever its form.
    pub fn id(&self) -> Option<&str> {
        self.message.delivery.properties.message_id().as_ref().map(lapin::types::ShortString::as_str)
    }

    /// The event's name, from the body; `None` if that is not a packet.
    pub fn event(&self) -> Option<String> {
        EventPacket::decode(self.body()).ok().map(|packet| packet.pattern.into_owned())
    }

    /// How long ago it was first published, to the second; `None` if it does not say.
    pub fn age(&self) -> Option<Duration> {
        let published =
            UNIX_EPOCH.checked_add(Duration::from_secs((*self.message.delivery.properties.timestamp())?))?;
        Some(SystemTime::now().duration_since(published).unwrap_or_default())
    }
}

impl QueueBrowser {
    pub(crate) fn new(queue: String, channel: Channel) -> Self {
        Self { queue, channel, held: Cell::new(0) }
    }

    /// Takes the next message out; `None` at the end.
    pub async fn next(&self) -> Result<Option<BrowsedMessage>, Error> {
        let getting = self.channel.basic_get(self.queue.as_str().into(), BasicGetOptions::default());
        Ok(in_time(getting).await?.map(|message| {
            let properties = &message.delivery.properties;
            self.held.set(self.held.get() + 1);
            let (meta, failure) = (EventMetadata::read(properties), FailureInfo::read(properties));
            BrowsedMessage { message, meta, failure }
        }))
    }

    /// Removes a message for ever.
    pub(crate) async fn remove(&self, held: &Held) -> Result<(), Error> {
        in_time(self.channel.basic_ack(held.0, BasicAckOptions::default())).await?;
        self.held.set(self.held.get().saturating_sub(1));
        Ok(())
    }

    /// Returns everything that was not removed.
    pub async fn close(self) -> Result<(), Error> {
        const EVERYTHING: u64 = 0;
        const POLLS: u32 = 40;
        const BETWEEN: Duration = Duration::from_millis(50);
        let back = BasicNackOptions { multiple: true, requeue: true };
        in_time(self.channel.basic_nack(EVERYTHING, back)).await?;
        // The broker does not report when they are back, and until then the queue looks empty.
        for _ in 0..POLLS {
            let depth = topology::depth(&self.channel, &self.queue).await?;
            if depth.is_none_or(|depth| depth.waiting >= self.held.get()) {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        in_time(self.channel.close(200, "done".into())).await
    }
}
