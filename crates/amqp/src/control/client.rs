//! The requesting side of the exchange `control`: requests the status of processes and collects the answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::control::{GATEWAY, RELAYS, Stats};
use contracts::{LISTENERS, PATTERNS};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Consumer};
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::connection::{BrokerConnection, Error, in_time};
use crate::control::responder::{bind, consume, own_queue};
use crate::packet::{RequestPacket, decode_reply};
use crate::protocol::TRANSIENT;
use crate::topology::names::{REPLIES, STATS, key_of};
use crate::topology::{self, CONTROL_EXCHANGE, Item};

/// The longest wait for answers.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
/// How long answers are cached.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// The most answers that wait to be read; beyond that the oldest are dropped.
const ANSWERS: i32 = 10_000;
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

    /// How many processes of a name have answered before, are still connected, and do not answer now.
    pub fn unresponsive(&self) -> &BTreeMap<String, u32> {
        &self.unresponsive
    }
}

/// The names of all processes that report their status.
fn all_names() -> Vec<&'static str> {
    let listeners = LISTENERS.iter().map(|listener| listener.name);
    PATTERNS.into_iter().chain(listeners).chain(RELAYS).chain([GATEWAY]).collect()
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
struct StatusChannel {
    channel: Channel,
    replies: Consumer,
    reply_to: String,
    round: u64,
    /// The last answer of each process, and its round.
    answers: HashMap<Uuid, (u64, Stats)>,
    /// Processes that answered before, do not answer now, and still have a queue.
    unresponsive: HashMap<Uuid, String>,
}

impl StatusChannel {
    async fn open(connection: &BrokerConnection, process: &str) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        topology::declare(connection, &[Item::Exchange(CONTROL_EXCHANGE)]).await?;
        let queue = own_queue(&channel, process, ANSWERS).await?;
        let reply_to = format!("{REPLIES}{}", Uuid::now_v7());
        bind(&channel, &queue, &reply_to).await?;
        let replies = consume(&channel, &queue).await?;
        Ok(Self { channel, replies, reply_to, round: 0, answers: HashMap::new(), unresponsive: HashMap::new() })
    }

    /// One round: requests every process's status and waits for the answers.
    async fn collect(&mut self) -> Result<SystemStatus, Error> {
        self.round += 1;
        let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT;
        let names = all_names();
        let routed = self.publish(names.iter().map(|name| key_of(STATS, name)).collect()).await?;
        let present: Vec<&str> =
            names.iter().zip(routed).filter_map(|(name, routed)| routed.then_some(*name)).collect();
        while !self.is_complete(&present) {
            match timeout_at(deadline, self.replies.next()).await {
                Ok(reply) => self.note(&reply.ok_or(Error::ConsumerEnded)??),
                Err(_) => break,
            }
        }
        self.probe_the_silent().await?;
        self.answers.retain(|_, (round, _)| *round + MISSED_ROUNDS > self.round);
        let status = |name: &'static str| {
            if present.contains(&name) {
                ProcessStatus::Answered(self.answers_of(name).cloned().collect())
            } else {
                ProcessStatus::Absent
            }
        };
        let by_name = names.iter().map(|name| (*name, status(name))).collect();
        let mut unresponsive = BTreeMap::new();
        for name in self.unresponsive.values() {
            *unresponsive.entry(name.clone()).or_default() += 1;
        }
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

    /// Sends a request to each key; returns for each whether it was routed to a queue.
    async fn publish(&self, keys: Vec<String>) -> Result<Vec<bool>, Error> {
        let data = serde_json::from_str("{}").expect("a constant JSON text");
        let round = self.round.to_string();
        let body = RequestPacket { pattern: Some(STATS.into()), data, id: Some(round.as_str().into()) }.encode();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(ANSWER_TIMEOUT.as_millis().to_string().into())
            .with_correlation_id(round.as_str().into())
            .with_reply_to(self.reply_to.as_str().into());
        // The broker returns a request that it cannot route.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut confirms = Vec::with_capacity(keys.len());
        for key in keys {
            let sending =
                self.channel.basic_publish(CONTROL_EXCHANGE.into(), key.into(), options, &body, properties.clone());
            confirms.push(in_time(sending).await?);
        }
        let confirmed = in_time(try_join_all(confirms)).await?;
        Ok(confirmed.iter().map(|it| !matches!(it, Confirmation::Ack(Some(_)))).collect())
    }

    fn note(&mut self, reply: &Delivery) {
        let round = reply.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse().ok());
        let answer = decode_reply("", &reply.data).ok().and_then(Result::ok);
        let stats = answer.and_then(|answer| serde_json::from_str::<Stats>(answer.get()).ok());
        if let (Some(round), Some(stats)) = (round, stats) {
            self.answers.insert(stats.instance, (round, stats));
        }
    }

    /// Whether every known process has answered, and at least one of each name.
    fn is_complete(&self, names: &[&str]) -> bool {
        let known = self.answers.values().filter(|(_, stats)| names.iter().any(|name| *name == stats.name));
        known.into_iter().all(|(round, _)| *round == self.round)
            && names.iter().all(|name| self.answers_of(name).next().is_some())
    }

    fn answers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Stats> {
        let of_this_round = self.answers.values().filter(|(round, _)| *round == self.round);
        of_this_round.map(|(_, stats)| stats).filter(move |stats| stats.name == name)
    }
}
