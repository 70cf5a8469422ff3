//! Receives the requests that expired in their queue: the broker's proof that no worker will execute them.
//!
//! The policy of request queues dead-letters expired requests to the exchange `expired`, where each client binds a queue of
//! its own by a header that it sets on its requests. A request that a worker took, and that returned to its queue when the
//! worker died, may expire as well. So a worker announces when it begins a request that changes something ([`BEGUN`]).

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use uuid::Uuid;

use crate::connection::{BrokerConnection, Error, in_time};
use crate::headers::EXPIRED_TO;
use crate::protocol::ACCESS_REFUSED;
use crate::topology::names::expired_queues_of;
use crate::topology::{self, EXPIRED_EXCHANGE, Item, arguments, text};

/// The AMQP type of the message, sent to the reply address, by which a worker announces that it begins. Frozen.
pub const BEGUN: &str = "begun";
/// The most expired requests that wait to be read. Beyond that the oldest are dropped, and their outcome is reported as
/// unknown.
const LENGTH: i32 = 10_000;

/// The expired requests of one client, until the connection breaks.
pub(crate) struct ExpiredRequests {
    /// The value of the client's header `expired-to`.
    pub(crate) instance: String,
    returns: Consumer,
    _channel: Channel,
}

impl ExpiredRequests {
    /// Starts to receive them; `None` where the broker is not set up for it yet.
    pub(crate) async fn open(connection: &BrokerConnection, process: &str) -> Result<Option<Self>, Error> {
        match Self::bind(connection, process).await {
            Ok(bound) => Ok(Some(bound)),
            Err(error) if error.is_refusal(ACCESS_REFUSED) => {
                tracing::warn!(
                    error = %error,
                    "cannot receive expired requests, so requests are refused while nobody serves their pattern. Run \
                     `signalbox topology apply`, and grant this process the permissions that `signalbox accounts` shows"
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn bind(connection: &BrokerConnection, process: &str) -> Result<Self, Error> {
        topology::declare(connection, &[Item::HeadersExchange(EXPIRED_EXCHANGE)]).await?;
        let channel = connection.channel().await?;
        let instance = Uuid::now_v7().to_string();
        let queue = format!("{}{instance}", expired_queues_of(process));
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let bound = arguments([("x-max-length", LENGTH.into())]);
        in_time(channel.queue_declare(queue.as_str().into(), own, bound)).await?;
        let ours = arguments([("x-match", text("all")), (EXPIRED_TO, text(&instance))]);
        let (exchange, options) = (EXPIRED_EXCHANGE.into(), QueueBindOptions::default());
        in_time(channel.queue_bind(queue.as_str().into(), exchange, "".into(), options, ours)).await?;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consuming = channel.basic_consume(queue.into(), "expired".into(), options, FieldTable::default());
        Ok(Self { instance, returns: in_time(consuming).await?, _channel: channel })
    }

    /// The next expired request. Cancel-safe; an error is final.
    pub(crate) async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let returned = self.returns.next().await.ok_or(Error::ConsumerEnded)??;
            if has_expired(&returned) {
                return Ok(returned);
            }
        }
    }
}

/// Whether it was dead-lettered because it expired: requests that a worker rejected arrive here, too.
fn has_expired(returned: &Delivery) -> bool {
    let reason = returned.properties.headers().as_ref().and_then(|headers| headers.inner().get("x-first-death-reason"));
    matches!(reason, Some(AMQPValue::LongString(reason)) if reason.as_bytes() == b"expired")
}
