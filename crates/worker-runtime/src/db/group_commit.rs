//! Group commit: statements that come while others are under way share one transaction, and so one commit.
//!
//! On one connection there are, in the order in which they are sent: single statements, each a transaction of its own, and
//! groups, `BEGIN` … `COMMIT`. A statement that finds the connection idle goes alone. The next opens a group, and all that
//! come until the work before it is done join. Nobody hears of success before the commit. When any statement of a group
//! fails, the server rolls all of it back, and each is done again, alone: so each gets its own answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_postgres::{Client, Error};

use crate::db::error::meaning_of;
use crate::db::sqlstate::Meaning;

/// Fails in a transaction that has failed; `COMMIT` does not, it rolls back.
const PROBE: &str = "SELECT";
/// A group that is this large is committed, whatever is before it.
const LARGEST: usize = 64;

/// How a statement that goes alone, or a group, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Pending,
    /// It is done: a group is committed.
    Done,
    /// Nothing was done.
    RolledBack,
    /// The connection broke under the commit.
    Unknown,
}

/// A statement's place among what a connection has under way; to be kept until the statement is done.
pub(super) struct Turn {
    /// The group that it is in.
    pub(super) group: Option<watch::Receiver<Outcome>>,
    /// Where a statement that goes alone tells those who come after it that it is done.
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

/// What a connection has under way.
#[derive(Default)]
pub(super) struct GroupCommit(Mutex<UnderWay>);

#[derive(Default)]
struct UnderWay {
    open: Option<Group>,
    /// What was sent last.
    last: Option<watch::Receiver<Outcome>>,
}

/// A group that others can still join.
struct Group {
    members: usize,
    outcome: watch::Sender<Outcome>,
}

impl GroupCommit {
    /// How the next statement is sent: it must be, before anything else is awaited. With `alone`, in no group.
    pub(super) fn next(self: &Arc<Self>, client: &Arc<Client>, alone: bool) -> Turn {
        let mut under_way = self.lock();
        if alone || under_way.open.as_ref().is_some_and(|group| group.members >= LARGEST) {
            under_way.commit(client);
        }
        if let Some(group) = &mut under_way.open {
            group.members += 1;
            return Turn::member(group.outcome.subscribe());
        }
        let (outcome, receiver) = watch::channel(Outcome::Pending);
        let before = under_way.last.replace(receiver.clone()).filter(|last| *last.borrow() == Outcome::Pending);
        match before {
            Some(before) if !alone => {
                // It is sent when it is first polled, and nobody needs the answer: if it fails, so does all that follows.
                let _ = client.batch_execute("BEGIN").now_or_never();
                under_way.open = Some(Group { members: 1, outcome });
                self.commit_after(before, receiver.clone(), Arc::clone(client));
                Turn::member(receiver)
            }
            _ => Turn { group: None, alone: Some(outcome) },
        }
    }

    /// Commits a group when what was sent before it is done, unless that happens earlier.
    fn commit_after(
        self: &Arc<Self>,
        before: watch::Receiver<Outcome>,
        group: watch::Receiver<Outcome>,
        client: Arc<Client>,
    ) {
        let commits = Arc::clone(self);
        #[expect(clippy::disallowed_methods, reason = "ends with what the connection has under way")]
        tokio::spawn(async move {
            outcome(before).await;
            // Lets those join whom the same wake-up has made ready.
            tokio::task::yield_now().await;
            let mut under_way = commits.lock();
            if under_way.open.as_ref().is_some_and(|open| open.outcome.subscribe().same_channel(&group)) {
                under_way.commit(&client);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Sends the end of the open group, if there is one.
    fn commit(&mut self, client: &Arc<Client>) {
        let Some(Group { outcome, .. }) = self.open.take() else { return };
        let client = Arc::clone(client);
        let mut committing = async move {
            let (probed, committed) = tokio::join!(client.batch_execute(PROBE), client.batch_execute("COMMIT"));
            outcome.send_replace(judged(probed, committed));
        }
        .boxed();
        // Both are on their way before this returns; the answers are waited for elsewhere.
        if (&mut committing).now_or_never().is_none() {
            #[expect(clippy::disallowed_methods, reason = "ends with the connection")]
            tokio::spawn(committing);
        }
    }
}

/// Waits for how it ended.
pub(super) async fn outcome(mut of: watch::Receiver<Outcome>) -> Outcome {
    // Whoever would tell is gone only with the connection.
    of.wait_for(|outcome| *outcome != Outcome::Pending).await.map_or(Outcome::Unknown, |outcome| *outcome)
}

/// What the answers to the probe and to `COMMIT` say of the group.
fn judged(probed: Result<(), Error>, committed: Result<(), Error>) -> Outcome {
    let broke = |error: &Error| meaning_of(error) == Meaning::Lost;
    match (probed, committed) {
        (Ok(()), Ok(())) => Outcome::Done,
        (Err(error), _) | (Ok(()), Err(error)) if broke(&error) => Outcome::Unknown,
        _ => Outcome::RolledBack,
    }
}
