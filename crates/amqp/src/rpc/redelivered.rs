//! Redelivered requests: begun one at a time, and only a few times.
//!
//! One of them may have crashed the worker, and the broker redelivers requests without end. So each goes into a second
//! queue beside the pattern's, from which every worker takes one at a time. A request that is delivered from there
//! again must have crashed a worker on its own. These attempts are counted on the message.

use std::rc::Rc;
use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Consumer};

use crate::connection::{BrokerConnection, Error, in_time};
use crate::failure_headers::attempts;
use crate::headers::{ATTEMPTS, BUDGET};
use crate::rpc::metadata;
use crate::topology;

/// A request that crashed this many workers, each time alone, is not begun again.
pub const MOST_ATTEMPTS: u32 = 3;

/// The queue of one pattern's redelivered requests.
pub(crate) struct Redelivered {
    queue: String,
    pub(crate) channel: Rc<Channel>,
}

impl Redelivered {
    /// Opens a channel for the queue.
    pub(crate) async fn open(connection: &BrokerConnection, pattern: &str) -> Result<Rc<Self>, Error> {
        const ONE_AT_A_TIME: u16 = 1;
        let queue = topology::redelivered_queue(pattern);
        let channel = connection.channel().await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        in_time(channel.basic_qos(ONE_AT_A_TIME, BasicQosOptions::default())).await?;
        Ok(Rc::new(Self { queue, channel: Rc::new(channel) }))
    }

    /// Starts to consume the queue.
    pub(crate) async fn consume(&self, tag: ShortString, arguments: FieldTable) -> Result<Consumer, Error> {
        let queue = self.queue.as_str().into();
        in_time(self.channel.basic_consume(queue, tag, BasicConsumeOptions::default(), arguments)).await
    }

    /// Appends a request to the queue, with the number of attempts, and acknowledges the original. A crash between the
    /// two leaves both; they have the same identity, so they count as one.
    pub(crate) async fn take_over(
        &self,
        request: &Delivery,
        from: &Channel,
        attempts: u32,
        left: Duration,
    ) -> Result<(), Error> {
        let properties = counted(&request.properties, attempts, left);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let queue = self.queue.as_str().into();
        let confirm = in_time(self.channel.basic_publish("".into(), queue, options, &request.data, properties)).await?;
        match in_time(confirm).await? {
            Confirmation::Ack(None) => {}
            Confirmation::Nack(_) => {
                tracing::warn!(queue = self.queue, "the queue is full: dropping a redelivered request");
            }
            _ => return Err(Error::Refused("the queue of redelivered requests is gone")),
        }
        in_time(from.basic_ack(request.delivery_tag, BasicAckOptions::default())).await
    }
}

fn counted(before: &BasicProperties, attempts: u32, left: Duration) -> BasicProperties {
    let mut headers = before.headers().clone().unwrap_or_default();
    headers.insert(ATTEMPTS.into(), AMQPValue::LongInt(i32::try_from(attempts).unwrap_or(i32::MAX)));
    headers.insert(BUDGET.into(), metadata::long(left));
    before.clone().with_headers(headers).with_expiration(left.as_millis().max(1).to_string().into())
}

/// How often this request was begun alone without being settled.
pub(crate) fn begun(request: &Delivery, alone: bool) -> u32 {
    attempts(&request.properties).saturating_add(u32::from(alone && request.redelivered))
}
