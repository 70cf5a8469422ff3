//! Takes messages out of a queue to look at them, and puts them back where they were.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};

use crate::connection::{Error, in_time};
use crate::{Epitaph, EventMeta, EventPacket};

/// Messages taken out of a queue. All of them go back, in their order, when this is closed or the process dies. Meanwhile
/// nobody else sees them.
pub struct Look {
    queue: String,
    channel: Channel,
}

/// A message that is held.
pub struct Found {
    pub(super) message: BasicGetMessage,
    /// What travels beside it; `None` when it has no identity.
    pub meta: Option<EventMeta>,
    /// What is written on it: why it is dead, or why it was put off.
    pub epitaph: Epitaph,
}

impl Found {
    /// The packet as it came. May hold what must not be logged.
    pub fn body(&self) -> &[u8] {
        &self.message.delivery.data
    }

    /// Its message id, whatever that is.
    pub fn id(&self) -> Option<&str> {
        self.message.delivery.properties.message_id().as_ref().map(lapin::types::ShortString::as_str)
    }

    /// The event's name, from its packet; `None` when it is no packet.
    pub fn event(&self) -> Option<String> {
        EventPacket::decode(self.body()).ok().map(|packet| packet.pattern.into_owned())
    }

    /// How long ago it was published first, to the second; `None` when it does not say.
    pub fn age(&self) -> Option<Duration> {
        let published =
            UNIX_EPOCH.checked_add(Duration::from_secs((*self.message.delivery.properties.timestamp())?))?;
        Some(SystemTime::now().duration_since(published).unwrap_or_default())
    }
}

impl Look {
    pub(super) fn new(queue: String, channel: Channel) -> Self {
        Self { queue, channel }
    }

    /// Takes the next message out; `None` when there are no more.
    pub async fn next(&self) -> Result<Option<Found>, Error> {
        let getting = self.channel.basic_get(self.queue.as_str().into(), BasicGetOptions::default());
        Ok(in_time(getting).await?.map(|message| {
            let properties = &message.delivery.properties;
            let (meta, epitaph) = (EventMeta::read(properties), Epitaph::read(properties));
            Found { message, meta, epitaph }
        }))
    }

    /// Removes a message for good.
    pub(super) async fn remove(&self, found: &Found) -> Result<(), Error> {
        let tag = found.message.delivery.delivery_tag;
        in_time(self.channel.basic_ack(tag, BasicAckOptions::default())).await
    }

    /// Puts everything back that was not removed.
    pub async fn close(self) -> Result<(), Error> {
        const EVERYTHING: u64 = 0;
        // A broker that is only told of the channel's end puts things back a moment later than it says so.
        let back = BasicNackOptions { multiple: true, requeue: true };
        in_time(self.channel.basic_nack(EVERYTHING, back)).await?;
        in_time(self.channel.close(200, "done".into())).await
    }
}
