//! Messages with a forged `x-death` header, on which RabbitMQ 3.10 crashes the queue that dead-letters them.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use crate::raw_amqp::{Properties, RawAmqp, long, short};
use crate::runtime::run;
use crate::stack::Stack;
use crate::wait::{seconds, wait_until};

/// Values of `x-death` that no broker writes. RabbitMQ 3.10 crashes a queue that dead-letters a message with one.
fn forged_deaths(queue: &str) -> [Vec<u8>; 2] {
    let text = |value: &str| [b"S", &long(value.as_bytes())[..]].concat();
    let field = |name: &str, value: &str| [short(name.as_bytes()), text(value)].concat();
    let death = [field("queue", queue), field("reason", "expired"), field("exchange", ""), field("count", "many")];
    let table = [b"F", &long(&death.concat())[..]].concat();
    [text("not a table"), table].map(|item| [b"A", &long(&item)[..]].concat())
}

/// Sends messages with forged deaths that expire at once, and waits until the broker has tried to dead-letter them.
pub fn forge_deaths(stack: &Stack<'_>, queue: &str) {
    for death in forged_deaths(queue) {
        let (persistent, expires_at_once) = (vec![2], b"1");
        let properties = Properties::default().header(b"x-death", &death).value(3, persistent).name(7, expires_at_once);
        RawAmqp::at(&stack.amqp).publish("", queue.as_bytes(), &properties.encode(), b"{}");
    }
    wait_until("the broker has tried to dead-letter them", seconds(20), || is_settled(&stack.amqp, queue));
}

/// Whether the queue is empty, or has crashed for good: then its passive declaration is not answered for a minute. While it
/// crashes the broker ends the connections that ask for it, so each question has its own.
fn is_settled(url: &str, queue: &str) -> bool {
    run("the state of a queue", async {
        let asking = async {
            let connection = Connection::connect(url, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let queue = timeout(seconds(2), channel.queue_declare(queue.into(), options, FieldTable::default())).await;
            queue.map_or(Ok(true), |queue| queue.map(|queue| queue.message_count() == 0))
        };
        asking.await.unwrap_or(false)
    })
}
