//! Replaces request queues that an older release declared with arguments by plain ones, without losing messages.
//!
//! A queue's arguments cannot be changed: it has to be deleted and declared again. Its messages move to a spare queue
//! and back, each acknowledged only when the broker has confirmed its copy. The broker deletes a queue only while it is
//! empty and unused. If this is interrupted, the spare queue keeps its messages for the next run.

use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};

use crate::connection::{Error, in_time};
use crate::events::publisher::{Outgoing, Publisher};
use crate::protocol::PRECONDITION_FAILED;
use crate::topology::{self, Item, State};

use crate::admin::operator::Operator;

/// How often new messages may arrive between the emptying of a queue and its deletion.
const TRIES: u32 = 50;

/// What happened to a request queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// Nothing: it was plain already.
    Unneeded,
    /// It is plain now, and still holds this many messages.
    Done(u32),
    /// It has a consumer, so it was left as it was.
    InUse,
}

impl Operator {
    /// Replaces the queue of a request pattern by a plain one if an older release declared it with arguments. `items`
    /// is the pattern's topology.
    pub async fn upgrade(&self, queue: &str, items: &[Item]) -> Result<Upgrade, Error> {
        let spare = format!("{queue}.upgrade");
        let left_over = self.depth(&spare).await?.is_some();
        let old = topology::compare(&self.connection, &topology::former_request(queue)).await? == State::Same;
        if !old && !left_over {
            return Ok(Upgrade::Unneeded);
        }
        let publisher = Publisher::open(&self.broker, &[]).await?;
        let done = self.replace(queue, &spare, old, items, &publisher).await;
        publisher.close().await;
        done
    }

    async fn replace(
        &self,
        queue: &str,
        spare: &str,
        old: bool,
        items: &[Item],
        publisher: &Publisher,
    ) -> Result<Upgrade, Error> {
        if old {
            let consumers = self.depth(queue).await?.unwrap_or_default().consumers;
            if consumers > 0 {
                return Ok(Upgrade::InUse);
            }
            let channel = self.connection.channel().await?;
            let (name, none) = (spare.into(), FieldTable::default());
            in_time(channel.queue_declare(name, QueueDeclareOptions::durable(), none)).await?;
            if !self.empty_and_delete(queue, spare, publisher).await? {
                self.empty_and_delete(spare, queue, publisher).await?;
                return Ok(Upgrade::InUse);
            }
        }
        topology::declare(&self.connection, items).await?;
        let waiting = self.depth(spare).await?.unwrap_or_default().waiting;
        self.empty_and_delete(spare, queue, publisher).await?;
        Ok(Upgrade::Done(waiting))
    }

    /// Moves the messages of a queue to another and deletes it; false if it has a consumer.
    async fn empty_and_delete(&self, queue: &str, to: &str, publisher: &Publisher) -> Result<bool, Error> {
        for _ in 0..TRIES {
            move_all(&self.connection.channel().await?, queue, to, publisher).await?;
            let channel = self.connection.channel().await?;
            let only_if_idle = QueueDeleteOptions { if_unused: true, if_empty: true, ..QueueDeleteOptions::default() };
            match in_time(channel.queue_delete(queue.into(), only_if_idle)).await {
                Ok(_) => return Ok(true),
                Err(error) if error.is_refusal(PRECONDITION_FAILED) => {
                    if self.depth(queue).await?.unwrap_or_default().consumers > 0 {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Refused("a queue kept receiving messages while it was being replaced"))
    }
}

async fn move_all(channel: &Channel, from: &str, to: &str, publisher: &Publisher) -> Result<(), Error> {
    while let Some(message) = in_time(channel.basic_get(from.into(), BasicGetOptions::default())).await? {
        let delivery = message.delivery;
        let copy = Outgoing { exchange: "", key: to, body: delivery.data, properties: copied(&delivery.properties) };
        publisher.publish(std::iter::once(copy)).await?;
        in_time(channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default())).await?;
    }
    Ok(())
}

/// The properties without those that a copy must not have: the broker refuses another account's user id, and would also
/// deliver to the queues in `CC`.
fn copied(before: &BasicProperties) -> BasicProperties {
    let mut after = BasicProperties::default();
    let headers = before.headers().iter().flat_map(FieldTable::inner);
    let kept: std::collections::BTreeMap<_, _> =
        headers.filter(|(name, _)| name.as_str() != "CC").map(|(name, value)| (name.clone(), value.clone())).collect();
    if before.headers().is_some() {
        after = after.with_headers(kept.into());
    }
    macro_rules! keep {
        ($($get:ident => $with:ident),*) => { $(if let Some(value) = before.$get().clone() { after = after.$with(value); })* };
    }
    keep!(
        content_type => with_content_type, content_encoding => with_content_encoding, delivery_mode => with_delivery_mode,
        priority => with_priority, correlation_id => with_correlation_id, reply_to => with_reply_to,
        expiration => with_expiration, message_id => with_message_id, timestamp => with_timestamp, kind => with_type,
        app_id => with_app_id
    );
    after
}
