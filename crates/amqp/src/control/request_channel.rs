//! Sends requests to processes through the exchange `control`, and receives their answers.

use std::time::Duration;

use contracts::Fault;
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Consumer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::connection::{BrokerConnection, Error, in_time};
use crate::control::responder::{bind, consume, own_queue};
use crate::packet::{RequestPacket, decode_reply};
use crate::protocol::TRANSIENT;
use crate::topology::names::REPLIES;
use crate::topology::{self, CONTROL_EXCHANGE, Item};

/// The most answers that wait to be read; beyond that the oldest are dropped.
const ANSWERS: i32 = 10_000;

/// A channel for requests, with a queue for their answers.
pub(crate) struct RequestChannel {
    channel: Channel,
    replies: Consumer,
    reply_to: String,
}

/// A request to processes.
pub(crate) struct ControlRequest<'a> {
    pub(crate) kind: &'static str,
    pub(crate) data: &'a RawValue,
    /// Each answer repeats it.
    pub(crate) round: u64,
    /// The broker drops requests that no process has taken by then.
    pub(crate) timeout: Duration,
}

/// The answer of one process.
pub(crate) struct Answer {
    pub(crate) round: u64,
    pub(crate) result: Result<Box<RawValue>, Fault>,
}

impl RequestChannel {
    pub(crate) async fn open(connection: &BrokerConnection, process: &str) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        topology::declare(connection, &[Item::Exchange(CONTROL_EXCHANGE)]).await?;
        let queue = own_queue(&channel, process, ANSWERS).await?;
        let reply_to = format!("{REPLIES}{}", Uuid::now_v7());
        bind(&channel, &queue, &reply_to).await?;
        let replies = consume(&channel, &queue).await?;
        Ok(Self { channel, replies, reply_to })
    }

    /// Sends a request to each key; returns for each whether it was routed to a queue.
    pub(crate) async fn send(&self, request: &ControlRequest<'_>, keys: Vec<String>) -> Result<Vec<bool>, Error> {
        let round = request.round.to_string();
        let (pattern, id) = (Some(request.kind.into()), Some(round.as_str().into()));
        let body = RequestPacket { pattern, data: request.data, id }.encode();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(request.timeout.as_millis().to_string().into())
            .with_correlation_id(round.as_str().into())
            .with_reply_to(self.reply_to.as_str().into());
        // The broker returns a request that it cannot route.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut confirms = Vec::with_capacity(keys.len());
        for key in keys {
            let sending =
                self.channel.basic_publish(CONTROL_EXCHANGE.into(), key.into(), options, &body, properties.clone());
            confirms.push(in_time(sending).await?);
        }
        let confirmed = in_time(try_join_all(confirms)).await?;
        Ok(confirmed.iter().map(|it| !matches!(it, Confirmation::Ack(Some(_)))).collect())
    }

    /// The next answer. Cancel-safe; an error is final. Skips messages that are not answers.
    pub(crate) async fn next(&mut self) -> Result<Answer, Error> {
        loop {
            let reply = self.replies.next().await.ok_or(Error::ConsumerEnded)??;
            let round = reply.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse().ok());
            if let (Some(round), Ok(result)) = (round, decode_reply("", &reply.data)) {
                return Ok(Answer { round, result });
            }
        }
    }
}
