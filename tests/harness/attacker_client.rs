//! A connection to the broker that tries operations without permission and reports the answer.

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};

use crate::runtime::run;

/// A connection with another account.
pub struct Intruder(Connection);

/// The reply code of a refusal (AMQP 0-9-1, section 1.2).
pub type Answer = Result<(), u16>;

/// The broker's answer to an operation without permission.
pub const REFUSED: Answer = Err(403);

impl Intruder {
    /// Connects.
    #[track_caller]
    pub fn open(url: &str) -> Self {
        let properties = ConnectionProperties::default().with_connection_name("intruder".into());
        Self(run("a connection to the broker", Connection::connect(url, properties)).unwrap())
    }

    /// Takes a message out and puts it back.
    pub fn get(&self, queue: &str) -> Answer {
        self.attempt(&async |channel| channel.basic_get(queue.into(), BasicGetOptions::default()).await.map(drop))
    }

    /// Consumes.
    pub fn consume(&self, queue: &str) -> Answer {
        self.attempt(&async |channel| {
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            channel.basic_consume(queue.into(), "intruder".into(), options, none).await.map(drop)
        })
    }

    /// Removes every message.
    pub fn purge(&self, queue: &str) -> Answer {
        self.attempt(&async |channel| channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.map(drop))
    }

    /// Declares a queue.
    pub fn make_queue(&self, queue: &str) -> Answer {
        self.attempt(&async |channel| {
            let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(queue.into(), options, FieldTable::default()).await.map(drop)
        })
    }

    /// Deletes a queue.
    pub fn delete_queue(&self, queue: &str) -> Answer {
        self.attempt(&async |channel| channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.map(drop))
    }

    /// Declares an exchange.
    pub fn make_exchange(&self, exchange: &str) -> Answer {
        self.attempt(&async |channel| {
            let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
            channel.exchange_declare(exchange.into(), ExchangeKind::Topic, options, none).await
        })
    }

    /// Deletes an exchange.
    pub fn delete_exchange(&self, exchange: &str) -> Answer {
        self.attempt(&async |channel| channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await)
    }

    /// Binds a queue to an exchange under a key.
    pub fn bind(&self, queue: &str, exchange: &str, key: &str) -> Answer {
        self.attempt(&async |channel| {
            let (options, none) = (QueueBindOptions::default(), FieldTable::default());
            channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none).await
        })
    }

    /// Publishes, and waits for the confirmation.
    pub fn publish(&self, exchange: &str, key: &str) -> Answer {
        self.attempt(&async |channel| {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let (options, none) = (BasicPublishOptions::default(), BasicProperties::default());
            let sent = channel.basic_publish(exchange.into(), key.into(), options, b"{}", none).await?;
            sent.await.map(drop)
        })
    }

    /// Uses a channel of its own, because a refusal closes it.
    fn attempt(&self, deed: &impl AsyncFn(&Channel) -> lapin::Result<()>) -> Answer {
        run("an answer from the broker", async {
            let channel = self.0.create_channel().await.unwrap();
            let done = deed(&channel).await;
            // Closing the channel returns the message.
            let _ = channel.close(200, "done".into()).await;
            done.map_err(|error| match error.kind() {
                ErrorKind::ProtocolError(refusal) => refusal.get_id(),
                other => panic!("no answer of the broker's: {other:?}"),
            })
        })
    }
}
