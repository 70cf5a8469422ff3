//! Recognizes and removes a request queue that has crashed for good.
//!
//! RabbitMQ 3.10 crashes a classic queue that dead-letters a persistent message whose `x-death` header no broker wrote, and
//! crashes it again at each restart until it gives up. A passive declaration of such a queue is answered after a minute.

use lapin::options::QueueDeleteOptions;

use crate::connection::{BrokerConnection, Error, in_time};
use crate::protocol::{PRECONDITION_FAILED, REPLY_SUCCESS};
use crate::topology::depth::depth;

/// Deletes a queue that has crashed; `false` if it has not.
///
/// A queue that lives answers a deletion itself, and obeys its conditions: nobody uses it, and it is empty. For one that has
/// crashed the broker answers: it cannot tell whether that queue is empty. The two refusals are the same, so a passive
/// declaration, which only a queue that lives answers in time, tells them apart.
pub(crate) async fn delete_if_crashed(connection: &BrokerConnection, queue: &str) -> Result<bool, Error> {
    let unused_and_empty = QueueDeleteOptions { if_unused: true, if_empty: true, ..QueueDeleteOptions::default() };
    match delete(connection, queue, unused_and_empty).await {
        Ok(()) => return Ok(true),
        Err(error) if error.is_refusal(PRECONDITION_FAILED) => {}
        Err(error) => return Err(error),
    }
    match depth(&connection.channel().await?, queue).await {
        Err(error) if error.is_silence() => {}
        lives => return lives.map(|_| false),
    }
    tracing::error!(
        queue,
        "deleting a queue that has crashed and does not come back; the requests in it are lost, and their callers are told that \
         the outcome is unknown"
    );
    let unused = QueueDeleteOptions { if_unused: true, ..QueueDeleteOptions::default() };
    delete(connection, queue, unused).await.map(|()| true)
}

async fn delete(connection: &BrokerConnection, queue: &str, options: QueueDeleteOptions) -> Result<(), Error> {
    let channel = connection.channel().await?;
    in_time(channel.queue_delete(queue.into(), options)).await?;
    in_time(channel.close(REPLY_SUCCESS, "done".into())).await
}
