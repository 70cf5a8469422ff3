//! Where replies may go: to whoever asked, by a queue that exists, and never into a queue of the system's own.
//!
//! Asked of the broker before any work is done, on a connection that is made for it and may break: a forged address of
//! direct reply-to makes the broker close the connection of whoever names it (541).

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::{LISTENERS, PATTERNS};
use tokio::sync::Mutex;

use crate::connection::{Broker, Error};
use crate::topology;
use crate::topology::names::{CONTROL_QUEUES, FEED_QUEUES};

/// What every address of direct reply-to begins with.
const DIRECT: &str = "amq.rabbitmq.reply-to";
/// How long an answer is believed. An address of direct reply-to that was good once never does harm: at its end, replies
/// to it are dropped. A caller that comes back makes its queue anew, so a "no" is asked again soon.
const DIRECT_BELIEVED: Duration = Duration::from_hours(1);
const YES_BELIEVED: Duration = Duration::from_secs(30);
const NO_BELIEVED: Duration = Duration::from_secs(1);
/// So many answers are remembered; whoever sends more addresses than this only makes us ask more often.
const REMEMBERED: usize = 1_024;

/// What is known of reply addresses.
pub(crate) struct ReplyAddresses {
    broker: Broker,
    known: RefCell<HashMap<String, (Instant, bool)>>,
    /// One is asked for at a time.
    asking: Mutex<()>,
}

impl ReplyAddresses {
    pub(crate) fn new(broker: Broker) -> Self {
        Self { broker, known: RefCell::default(), asking: Mutex::default() }
    }

    /// Whether a reply to this address reaches somebody who may have it. An error says that nobody could be asked.
    pub(crate) async fn takes_replies(&self, address: &str) -> Result<bool, Error> {
        if address == DIRECT || is_our_own(address) {
            return Ok(false);
        }
        if let Some(known) = self.known(address) {
            return Ok(known);
        }
        let _turn = self.asking.lock().await;
        if let Some(known) = self.known(address) {
            return Ok(known);
        }
        let connection = self.broker.connect("asks where replies go").await?;
        let exists = match topology::exists(&connection, address).await {
            Ok(exists) => exists,
            // Whatever the broker's words are: it does not take replies there.
            Err(Error::Amqp(_)) => false,
            Err(error) => return Err(error),
        };
        if exists {
            connection.close().await;
        }
        let mut known = self.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(address.to_owned(), (Instant::now(), exists));
        Ok(exists)
    }

    fn known(&self, address: &str) -> Option<bool> {
        let known = self.known.borrow();
        let (at, exists) = known.get(address)?;
        let believed = match exists {
            true if address.starts_with(DIRECT) => DIRECT_BELIEVED,
            true => YES_BELIEVED,
            false => NO_BELIEVED,
        };
        (at.elapsed() < believed).then_some(*exists)
    }
}

/// A reply there would be taken for a request or an event.
fn is_our_own(queue: &str) -> bool {
    let beside = |name: &str| queue.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    PATTERNS.iter().any(|pattern| beside(pattern))
        || LISTENERS.iter().any(|listener| beside(listener.name))
        || [FEED_QUEUES, CONTROL_QUEUES].iter().any(|start| queue.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_queue_of_the_system_takes_replies() {
        for own in ["users.login", "users.login.redelivered", "users.on_order_created.dead", "feed.1", "control.x"] {
            assert!(is_our_own(own), "{own}");
        }
        for others in ["amq.gen-x", "amq_0123", "replies.mine", "users.logins", "users", "amq.rabbitmq.reply-to.x"] {
            assert!(!is_our_own(others), "{others}");
        }
    }
}
