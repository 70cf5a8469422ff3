//! Checks a reply address: the queue must exist, and must not be one of the system's own.
//!
//! The broker is asked before any work is done, on a separate connection that may break: a forged address of direct
//! reply-to makes the broker close the connection of whoever names it (541).

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::{LISTENERS, PATTERNS};
use tokio::sync::Mutex;

use crate::connection::{Broker, Error};
use crate::protocol::DIRECT_REPLY_TO;
use crate::topology;
use crate::topology::names::{CONTROL_QUEUES, FEED_QUEUES};

/// How long an answer is cached. A direct reply-to address that was good once is never harmful: after its end, the
/// broker drops replies to it. A negative answer is cached only briefly, because a caller that reconnects declares its
/// queue again.
const DIRECT_CACHED_FOR: Duration = Duration::from_hours(1);
const GOOD_CACHED_FOR: Duration = Duration::from_secs(30);
const BAD_CACHED_FOR: Duration = Duration::from_secs(1);
/// The most answers that are cached. More addresses than this only cause more checks.
const CAPACITY: usize = 1_024;

/// Checks reply addresses and caches the answers.
pub(crate) struct ReplyAddresses {
    broker: Broker,
    cached: RefCell<HashMap<String, (Instant, bool)>>,
    /// Held while one address is checked.
    checking: Mutex<()>,
}

impl ReplyAddresses {
    pub(crate) fn new(broker: Broker) -> Self {
        Self { broker, cached: RefCell::default(), checking: Mutex::default() }
    }

    /// Whether replies may go to this address. An error means that the check was impossible.
    pub(crate) async fn takes_replies(&self, address: &str) -> Result<bool, Error> {
        if address == DIRECT_REPLY_TO || is_our_own(address) {
            return Ok(false);
        }
        if let Some(cached) = self.cached(address) {
            return Ok(cached);
        }
        let _turn = self.checking.lock().await;
        if let Some(cached) = self.cached(address) {
            return Ok(cached);
        }
        let connection = self.broker.connect("asks where replies go").await?;
        let exists = match topology::exists(&connection, address).await {
            Ok(exists) => exists,
            // The broker accepts no replies there, for whatever reason.
            Err(Error::Amqp(_)) => false,
            Err(error) => return Err(error),
        };
        if exists {
            connection.close().await;
        }
        let mut cached = self.cached.borrow_mut();
        if cached.len() >= CAPACITY {
            cached.clear();
        }
        cached.insert(address.to_owned(), (Instant::now(), exists));
        Ok(exists)
    }

    fn cached(&self, address: &str) -> Option<bool> {
        let cached = self.cached.borrow();
        let (at, exists) = cached.get(address)?;
        let cached_for = match exists {
            true if address.starts_with(DIRECT_REPLY_TO) => DIRECT_CACHED_FOR,
            true => GOOD_CACHED_FOR,
            false => BAD_CACHED_FOR,
        };
        (at.elapsed() < cached_for).then_some(*exists)
    }
}

/// Whether the queue is one of ours: a reply there would be taken for a request or an event.
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
    fn no_queue_of_the_system_may_be_a_reply_address() {
        for own in ["users.login", "users.login.redelivered", "users.on_order_created.dead", "feed.1", "control.x"] {
            assert!(is_our_own(own), "{own}");
        }
        for others in ["amq.gen-x", "amq_0123", "replies.mine", "users.logins", "users", "amq.rabbitmq.reply-to.x"] {
            assert!(!is_our_own(others), "{others}");
        }
    }
}
