//! The requesting side of the exchange `control`: requests the status of processes and collects the answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::control::Stats;
use contracts::process_names;
use serde_json::value::RawValue;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::connection::{BrokerConnection, Error};
use crate::control::presence::PresenceCounter;
use crate::control::request_channel::{Answer, ControlRequest, RequestChannel};
use crate::topology::names::{STATS, key_of};

/// The longest wait for answers.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
/// How long answers are cached.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// A process that misses this many rounds is not waited for any more.
const MISSED_ROUNDS: u64 = 5;

/// The answers of the processes of one name.
#[derive(Debug, Clone, PartialEq)]
pub enum ProcessStatus {
    /// No process of this name exists.
    Absent,
    /// The answers that came in time; empty if the processes did not answer.
    Answered(Vec<Stats>),
}

/// The answers of all processes.
#[derive(Debug, Clone, Default)]
pub struct SystemStatus {
    by_name: BTreeMap<&'static str, ProcessStatus>,
    /// How many processes of a name are connected and do not answer.
    unresponsive: BTreeMap<String, u32>,
}

impl SystemStatus {
    /// The answers of the processes of a name.
    pub fn of(&self, name: &str) -> &ProcessStatus {
        self.by_name.get(name).unwrap_or(&ProcessStatus::Absent)
    }

    /// All answers.
    pub fn answers(&self) -> impl Iterator<Item = &Stats> {
        self.by_name.values().flat_map(|status| match status {
            ProcessStatus::Absent => &[][..],
            ProcessStatus::Answered(stats) => stats.as_slice(),
        })
    }

    /// How many processes of a name are connected and do not answer.
    pub fn unresponsive(&self) -> &BTreeMap<String, u32> {
        &self.unresponsive
    }
}

/// Requests the status of processes over one connection.
#[derive(Default)]
pub(crate) struct StatusClient {
    channel: tokio::sync::Mutex<Option<StatusChannel>>,
    cached: Mutex<Option<(Instant, Arc<SystemStatus>)>>,
}

impl StatusClient {
    /// The status of all processes, as of at most a second ago.
    pub(crate) async fn stats(&self, connection: &BrokerConnection, process: &str) -> Result<Arc<SystemStatus>, Error> {
        if let Some(status) = self.cached() {
            return Ok(status);
        }
        let mut channel = self.channel.lock().await;
        // Another task may have requested it while we waited for the lock.
        if let Some(status) = self.cached() {
            return Ok(status);
        }
        // Taken out, so that a channel whose use fails or is cancelled is replaced.
        let mut open = match channel.take() {
            Some(open) => open,
            None => StatusChannel::open(connection, process).await?,
        };
        let status = Arc::new(open.collect().await?);
        *channel = Some(open);
        *self.lock() = Some((Instant::now(), Arc::clone(&status)));
        Ok(status)
    }

    fn cached(&self) -> Option<Arc<SystemStatus>> {
        self.lock().as_ref().filter(|(at, _)| at.elapsed() < CACHED_FOR).map(|(_, status)| Arc::clone(status))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<SystemStatus>)>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel for status requests, and the answers so far.
pub(crate) struct StatusChannel {
    requests: RequestChannel,
    presence: PresenceCounter,
    round: u64,
    /// The last answer of each process, and its round.
    answers: HashMap<Uuid, (u64, Stats)>,
    /// Processes that answered before, do not answer now, and still have a queue.
    unresponsive: HashMap<Uuid, String>,
    /// How many more processes of each name were connected than answered, in the previous round.
    missing: BTreeMap<&'static str, u32>,
}

impl StatusChannel {
    pub(crate) async fn open(connection: &BrokerConnection, process: &str) -> Result<Self, Error> {
        Ok(Self {
            requests: RequestChannel::open(connection, process).await?,
            presence: PresenceCounter::new(connection.clone()),
            round: 0,
            answers: HashMap::new(),
            unresponsive: HashMap::new(),
            missing: BTreeMap::new(),
        })
    }

    /// One round: requests every process's status and waits for the answers.
    pub(crate) async fn collect(&mut self) -> Result<SystemStatus, Error> {
        self.round += 1;
        let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT;
        let names = process_names();
        let routed = self.publish(names.iter().map(|name| key_of(STATS, name)).collect()).await?;
        let present: Vec<&'static str> =
            names.iter().zip(routed).filter_map(|(name, routed)| routed.then_some(*name)).collect();
        let connected = self.presence.count(&present).await?;
        while !self.is_complete(&connected) {
            match timeout_at(deadline, self.requests.next()).await {
                Ok(answer) => self.note(answer?),
                Err(_) => break,
            }
        }
        self.probe_the_silent().await?;
        let unresponsive = self.count_unresponsive(&connected).await?;
        self.answers.retain(|_, (round, _)| *round + MISSED_ROUNDS > self.round);
        let status = |name: &'static str| {
            if present.contains(&name) {
                ProcessStatus::Answered(self.answers_of(name).cloned().collect())
            } else {
                ProcessStatus::Absent
            }
        };
        let by_name = names.iter().map(|name| (*name, status(name))).collect();
        Ok(SystemStatus { by_name, unresponsive })
    }

    /// Distinguishes processes that are gone from those that are connected and do not answer: a request to one that is
    /// gone cannot be routed.
    async fn probe_the_silent(&mut self) -> Result<(), Error> {
        let (round, answers) = (self.round, &self.answers);
        self.unresponsive.retain(|instance, _| answers.get(instance).is_none_or(|(answered, _)| *answered != round));
        let silent = answers.values().filter(|(answered, _)| *answered + 1 == round);
        self.unresponsive.extend(silent.map(|(_, stats)| (stats.instance, stats.name.clone())));
        let suspects: Vec<(Uuid, String)> = self.unresponsive.clone().into_iter().collect();
        let keys = suspects.iter().map(|(instance, name)| key_of(&key_of(STATS, name), &instance.to_string()));
        let routed = self.publish(keys.collect()).await?;
        for ((instance, _), routed) in suspects.iter().zip(routed) {
            if !routed {
                self.unresponsive.remove(instance);
                self.answers.remove(instance);
            }
        }
        Ok(())
    }

    /// Counts the unresponsive processes of each name: those that answered before and do not now, and those that are connected
    /// and have never answered.
    async fn count_unresponsive(
        &mut self,
        connected: &BTreeMap<&'static str, u32>,
    ) -> Result<BTreeMap<String, u32>, Error> {
        let suspects: Vec<&'static str> =
            connected.iter().filter_map(|(name, count)| (*count > self.answered(name)).then_some(*name)).collect();
        // Counted again: a process that disconnected meanwhile is not unresponsive.
        let still = self.presence.count(&suspects).await?;
        let missing: BTreeMap<&'static str, u32> = still
            .into_iter()
            .map(|(name, count)| (name, count.min(connected[name]).saturating_sub(self.answered(name))))
            .collect();
        let mut unresponsive: BTreeMap<String, u32> = BTreeMap::new();
        for name in self.unresponsive.values() {
            *unresponsive.entry(name.clone()).or_default() += 1;
        }
        for (name, now) in &missing {
            // A process that starts between the request and the count looks unresponsive, but only for one round.
            let lasting = *now.min(self.missing.get(name).unwrap_or(&0));
            if lasting > 0 {
                let known = unresponsive.entry((*name).to_owned()).or_default();
                *known = lasting.max(*known);
            }
        }
        self.missing = missing;
        Ok(unresponsive)
    }

    /// Sends a request to each key; returns for each whether it was routed to a queue.
    async fn publish(&self, keys: Vec<String>) -> Result<Vec<bool>, Error> {
        let data: &RawValue = serde_json::from_str("{}").expect("a constant JSON text");
        self.requests
            .send(&ControlRequest { kind: STATS, data, round: self.round, timeout: ANSWER_TIMEOUT }, keys)
            .await
    }

    fn note(&mut self, Answer { round, result }: Answer) {
        let stats = result.ok().and_then(|answer| serde_json::from_str::<Stats>(answer.get()).ok());
        if let Some(stats) = stats {
            self.answers.insert(stats.instance, (round, stats));
        }
    }

    /// Whether every known process has answered, and of each name as many as are connected and at least one.
    fn is_complete(&self, connected: &BTreeMap<&'static str, u32>) -> bool {
        let known = self.answers.values().filter(|(_, stats)| connected.contains_key(stats.name.as_str()));
        known.into_iter().all(|(round, _)| *round == self.round)
            && connected.iter().all(|(name, count)| self.answered(name) >= (*count).max(1))
    }

    fn answered(&self, name: &str) -> u32 {
        u32::try_from(self.answers_of(name).count()).unwrap_or(u32::MAX)
    }

    fn answers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Stats> {
        let of_this_round = self.answers.values().filter(|(round, _)| *round == self.round);
        of_this_round.map(|(_, stats)| stats).filter(move |stats| stats.name == name)
    }
}
