//! Where replies may go: to whoever asked, by a queue that exists, and never into a queue of the system's own.
//!
//! Asked of the broker before any work is done. It also knows the addresses of direct reply-to, and a forged one would
//! make it close the connection of who replies there.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use contracts::{LISTENERS, PATTERNS};
use tokio::sync::Semaphore;

use crate::connection::{Error, Line};
use crate::{control, feed, topology};

/// How long an answer is believed. A caller who comes back makes its queue anew, so a "no" is asked again soon.
const YES_BELIEVED: Duration = Duration::from_secs(30);
const NO_BELIEVED: Duration = Duration::from_secs(1);
/// So many answers are remembered; whoever sends more addresses than this only makes us ask more often.
const REMEMBERED: usize = 1_024;
/// So many are asked for at a time, each on a channel of its own.
const AT_A_TIME: usize = 8;

/// What is known of reply addresses.
pub(crate) struct ReplyAddresses {
    line: Rc<Line>,
    known: RefCell<HashMap<String, (Instant, bool)>>,
    asking: Semaphore,
}

impl ReplyAddresses {
    pub(crate) fn new(line: Rc<Line>) -> Self {
        Self { line, known: RefCell::default(), asking: Semaphore::new(AT_A_TIME) }
    }

    /// Whether a reply to this address reaches somebody who may have it.
    pub(crate) async fn takes_replies(&self, address: &str) -> Result<bool, Error> {
        if is_our_own(address) {
            return Ok(false);
        }
        if let Some(known) = self.known(address) {
            return Ok(known);
        }
        let _turn = self.asking.acquire().await;
        if let Some(known) = self.known(address) {
            return Ok(known);
        }
        let exists = topology::exists(&self.line, address).await?;
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
        (at.elapsed() < if *exists { YES_BELIEVED } else { NO_BELIEVED }).then_some(*exists)
    }
}

/// A reply there would be taken for a request or an event.
fn is_our_own(queue: &str) -> bool {
    let beside = |name: &str| queue.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    PATTERNS.iter().any(|pattern| beside(pattern))
        || LISTENERS.iter().any(|listener| beside(listener.name))
        || [feed::QUEUES, control::QUEUES].iter().any(|start| queue.starts_with(start))
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
