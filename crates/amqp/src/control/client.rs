//! The asking side of the exchange `control`: asks processes for their status and collects the answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::control::Stats;
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
use crate::topology::names::{REPLIES, STATS, stats_of};
use crate::topology::{self, CONTROL_EXCHANGE, Item};

/// The longest wait for answers.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
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

/// The answers, by name.
pub type StatusByName = HashMap<&'static str, ProcessStatus>;

/// Asks for status over one connection.
#[derive(Default)]
pub(crate) struct StatusClient {
    channel: tokio::sync::Mutex<Option<StatusChannel>>,
    cached: Mutex<Option<(Instant, Arc<StatusByName>)>>,
}

impl StatusClient {
    /// The status of the processes of these names, as of at most a second ago.
    pub(crate) async fn stats(
        &self,
        connection: &BrokerConnection,
        process: &str,
        names: &[&'static str],
    ) -> Result<Arc<StatusByName>, Error> {
        if let Some(status) = self.cached() {
            return Ok(status);
        }
        let mut channel = self.channel.lock().await;
        // Another task may have asked while we waited for our turn.
        if let Some(status) = self.cached() {
            return Ok(status);
        }
        // Taken out, so that a channel whose use fails or is cancelled is replaced.
        let mut open = match channel.take() {
            Some(open) => open,
            None => StatusChannel::open(connection, process).await?,
        };
        let status = Arc::new(open.ask(names).await?);
        *channel = Some(open);
        *self.lock() = Some((Instant::now(), Arc::clone(&status)));
        Ok(status)
    }

    fn cached(&self) -> Option<Arc<StatusByName>> {
        self.lock().as_ref().filter(|(at, _)| at.elapsed() < CACHED_FOR).map(|(_, status)| Arc::clone(status))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<StatusByName>)>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel to ask on, and the answers so far.
struct StatusChannel {
    channel: Channel,
    replies: Consumer,
    reply_to: String,
    round: u64,
    /// The last answer of each process, and its round.
    answers: HashMap<Uuid, (u64, Stats)>,
}

impl StatusChannel {
    async fn open(connection: &BrokerConnection, process: &str) -> Result<Self, Error> {
        let channel = connection.channel().await?;
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        topology::declare(connection, &[Item::Exchange(CONTROL_EXCHANGE)]).await?;
        let queue = own_queue(&channel, process).await?;
        let reply_to = format!("{REPLIES}{}", Uuid::now_v7());
        bind(&channel, &queue, &reply_to).await?;
        let replies = consume(&channel, &queue).await?;
        Ok(Self { channel, replies, reply_to, round: 0, answers: HashMap::new() })
    }

    async fn ask(&mut self, names: &[&'static str]) -> Result<StatusByName, Error> {
        self.round += 1;
        let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT;
        let present = self.publish(names).await?;
        while !self.is_complete(&present) {
            match timeout_at(deadline, self.replies.next()).await {
                Ok(reply) => self.note(&reply.ok_or(Error::ConsumerEnded)??),
                Err(_) => break,
            }
        }
        self.answers.retain(|_, (round, _)| *round + MISSED_ROUNDS > self.round);
        let status = |name: &'static str| {
            if present.contains(&name) {
                ProcessStatus::Answered(self.answers_of(name).cloned().collect())
            } else {
                ProcessStatus::Absent
            }
        };
        Ok(names.iter().map(|name| (*name, status(name))).collect())
    }

    /// Asks, and returns the names of which processes exist.
    async fn publish(&self, names: &[&'static str]) -> Result<Vec<&'static str>, Error> {
        let data = serde_json::from_str("{}").expect("a constant JSON text");
        let round = self.round.to_string();
        let body = RequestPacket { pattern: Some(STATS.into()), data, id: Some(round.as_str().into()) }.encode();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(ANSWER_TIMEOUT.as_millis().to_string().into())
            .with_correlation_id(round.as_str().into())
            .with_reply_to(self.reply_to.as_str().into());
        // The broker returns a request that no queue is bound for.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut confirms = Vec::with_capacity(names.len());
        for name in names {
            let (exchange, key) = (CONTROL_EXCHANGE.into(), stats_of(name).into());
            let sending = self.channel.basic_publish(exchange, key, options, &body, properties.clone());
            confirms.push(in_time(sending).await?);
        }
        let confirmed = in_time(try_join_all(confirms)).await?;
        let present = names.iter().zip(confirmed).filter(|(_, it)| !matches!(it, Confirmation::Ack(Some(_))));
        Ok(present.map(|(name, _)| *name).collect())
    }

    fn note(&mut self, reply: &Delivery) {
        let round = reply.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse().ok());
        let answer = decode_reply("", &reply.data).and_then(Result::ok);
        let stats = answer.and_then(|answer| serde_json::from_str::<Stats>(answer.get()).ok());
        if let (Some(round), Some(stats)) = (round, stats) {
            self.answers.insert(stats.instance, (round, stats));
        }
    }

    /// Whether every known process has answered, and at least one of each name.
    fn is_complete(&self, names: &[&'static str]) -> bool {
        let known = self.answers.values().filter(|(_, stats)| names.iter().any(|name| *name == stats.name));
        known.into_iter().all(|(round, _)| *round == self.round)
            && names.iter().all(|name| self.answers_of(name).next().is_some())
    }

    fn answers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Stats> {
        let of_this_round = self.answers.values().filter(|(round, _)| *round == self.round);
        of_this_round.map(|(_, stats)| stats).filter(move |stats| stats.name == name)
    }
}
