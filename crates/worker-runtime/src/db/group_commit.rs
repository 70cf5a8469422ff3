//! Group commit: statements that arrive while others are in flight share one transaction, and so one commit.
//!
//! A connection carries, in sending order, single statements, each a transaction of its own, and groups, `BEGIN` …
//! `COMMIT`. A statement that finds the connection idle runs alone. The next one opens a group, and all that arrive until
//! the work before the group is done join it. No statement reports success before the commit. If any statement of a group
//! fails, the server rolls the whole group back, and each statement runs again alone, so that each gets its own result.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_postgres::{Client, Error};

use crate::db::error::meaning_of;
use crate::db::sqlstate::Meaning;

/// Fails in a failed transaction, where `COMMIT` succeeds and rolls back.
const PROBE: &str = "SELECT";
/// A group of this size is committed without waiting for the work before it.
const LARGEST: usize = 64;

/// The outcome of a single statement or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Pending,
    /// It is done; a group is committed.
    Done,
    /// Nothing was changed.
    RolledBack,
    /// The connection broke during the commit.
    Unknown,
}

/// A statement's place among those in flight on a connection. Must be kept until the statement is done.
pub(super) struct Turn {
    /// The group that it is in.
    pub(super) group: Option<watch::Receiver<Outcome>>,
    /// How a single statement signals the group behind it that it is done.
    alone: Option<watch::Sender<Outcome>>,
}

impl Turn {
    fn member(group: watch::Receiver<Outcome>) -> Self {
        Self { group: Some(group), alone: None }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(alone) = &self.alone {
            alone.send_replace(Outcome::Done);
        }
    }
}

/// The statements and groups in flight on a connection.
#[derive(Default)]
pub(super) struct GroupCommit(Mutex<InFlight>);

#[derive(Default)]
struct InFlight {
    open: Option<Group>,
    /// The outcome of the statement or group that was sent last.
    last: Option<watch::Receiver<Outcome>>,
}

/// A group that further statements can still join.
struct Group {
    members: usize,
    outcome: watch::Sender<Outcome>,
}

impl GroupCommit {
    /// The place of the next statement, which must be sent before anything else is awaited. With `alone` it joins no group.
    pub(super) fn next(self: &Arc<Self>, client: &Arc<Client>, alone: bool) -> Turn {
        let mut in_flight = self.lock();
        if alone || in_flight.open.as_ref().is_some_and(|group| group.members >= LARGEST) {
            in_flight.commit(client);
        }
        if let Some(group) = &mut in_flight.open {
            group.members += 1;
            return Turn::member(group.outcome.subscribe());
        }
        let (outcome, receiver) = watch::channel(Outcome::Pending);
        let before = in_flight.last.replace(receiver.clone()).filter(|last| *last.borrow() == Outcome::Pending);
        match before {
            Some(before) if !alone => {
                // Sent at its first poll. Its result is not needed: if it fails, so does everything that follows.
                let _ = client.batch_execute("BEGIN").now_or_never();
                in_flight.open = Some(Group { members: 1, outcome });
                self.commit_after(before, receiver.clone(), Arc::clone(client));
                Turn::member(receiver)
            }
            _ => Turn { group: None, alone: Some(outcome) },
        }
    }

    /// Commits a group once the work before it is done, unless it is committed earlier.
    fn commit_after(
        self: &Arc<Self>,
        before: watch::Receiver<Outcome>,
        group: watch::Receiver<Outcome>,
        client: Arc<Client>,
    ) {
        let commits = Arc::clone(self);
        #[expect(clippy::disallowed_methods, reason = "ends with the work in flight on the connection")]
        tokio::spawn(async move {
            outcome(before).await;
            // Lets statements join that the same wake-up has made ready.
            tokio::task::yield_now().await;
            let mut in_flight = commits.lock();
            if in_flight.open.as_ref().is_some_and(|open| open.outcome.subscribe().same_channel(&group)) {
                in_flight.commit(&client);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, InFlight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Sends the end of the open group, if there is one.
    fn commit(&mut self, client: &Arc<Client>) {
        let Some(Group { outcome, .. }) = self.open.take() else { return };
        let client = Arc::clone(client);
        let mut committing = async move {
            let (probed, committed) = tokio::join!(client.batch_execute(PROBE), client.batch_execute("COMMIT"));
            outcome.send_replace(judged(probed, committed));
        }
        .boxed();
        // Both are sent before this returns; the results are awaited elsewhere.
        if (&mut committing).now_or_never().is_none() {
            #[expect(clippy::disallowed_methods, reason = "ends with the connection")]
            tokio::spawn(committing);
        }
    }
}

/// Waits for the outcome.
pub(super) async fn outcome(mut of: watch::Receiver<Outcome>) -> Outcome {
    // The sender is dropped without an outcome only when the connection ends.
    of.wait_for(|outcome| *outcome != Outcome::Pending).await.map_or(Outcome::Unknown, |outcome| *outcome)
}

/// Derives a group's outcome from the results of the probe and of `COMMIT`.
fn judged(probed: Result<(), Error>, committed: Result<(), Error>) -> Outcome {
    let broke = |error: &Error| meaning_of(error) == Meaning::Lost;
    match (probed, committed) {
        (Ok(()), Ok(())) => Outcome::Done,
        (Err(error), _) | (Ok(()), Err(error)) if broke(&error) => Outcome::Unknown,
        _ => Outcome::RolledBack,
    }
}
