//! The asking side of the exchange `control`: asks processes how they fare, and waits a moment for what they tell.

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
use crate::topology::names::{REPLIES, STATS, stats_of};
use crate::topology::{self, CONTROL_EXCHANGE, Item};

/// Nobody waits longer for an answer.
pub const PATIENCE: Duration = Duration::from_millis(250);
/// For so long what was told is told again.
const BELIEVED: Duration = Duration::from_secs(1);
/// A process that has not answered for so many rounds is not waited for any more.
const FORGOTTEN: u64 = 5;

/// What the processes of one name told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// The broker has nobody of this name to ask.
    Nobody,
    /// Those who answered in time; none, when there is somebody who did not.
    By(Vec<Stats>),
}

/// By name, what was told.
pub type QueueStateCache = HashMap<&'static str, Told>;

/// Asks by one connection.
#[derive(Default)]
pub(crate) struct Inquiry {
    asking: tokio::sync::Mutex<Option<Asking>>,
    known: Mutex<Option<(Instant, Arc<QueueStateCache>)>>,
}

impl Inquiry {
    /// How the processes of these names fare, as of at most a second ago.
    pub(crate) async fn stats(
        &self,
        connection: &BrokerConnection,
        process: &str,
        names: &[&'static str],
    ) -> Result<Arc<QueueStateCache>, Error> {
        if let Some(census) = self.believed() {
            return Ok(census);
        }
        let mut asking = self.asking.lock().await;
        // Somebody else may have asked while we waited for our turn.
        if let Some(census) = self.believed() {
            return Ok(census);
        }
        // Taken, so that what fails, or is dropped on the way, is made anew.
        let mut open = match asking.take() {
            Some(open) => open,
            None => Asking::open(connection, process).await?,
        };
        let census = Arc::new(open.ask(names).await?);
        *asking = Some(open);
        *self.lock() = Some((Instant::now(), Arc::clone(&census)));
        Ok(census)
    }

    fn believed(&self) -> Option<Arc<QueueStateCache>> {
        self.lock().as_ref().filter(|(at, _)| at.elapsed() < BELIEVED).map(|(_, census)| Arc::clone(census))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<QueueStateCache>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel to ask on, and what was answered so far.
struct Asking {
    channel: Channel,
    replies: Consumer,
    reply_to: String,
    round: u64,
    /// The last answer of each process, and in which round it came.
    answers: HashMap<Uuid, (u64, Stats)>,
}

impl Asking {
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

    async fn ask(&mut self, names: &[&'static str]) -> Result<QueueStateCache, Error> {
        self.round += 1;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let there = self.publish(names).await?;
        while !self.is_complete(&there) {
            match timeout_at(deadline, self.replies.next()).await {
                Ok(reply) => self.note(&reply.ok_or(Error::ConsumerEnded)??),
                Err(_) => break,
            }
        }
        self.answers.retain(|_, (round, _)| *round + FORGOTTEN > self.round);
        let told = |name: &'static str| {
            if there.contains(&name) { Told::By(self.answers_of(name).cloned().collect()) } else { Told::Nobody }
        };
        Ok(names.iter().map(|name| (*name, told(name))).collect())
    }

    /// Asks, and returns the names under which there is somebody.
    async fn publish(&self, names: &[&'static str]) -> Result<Vec<&'static str>, Error> {
        const TRANSIENT: u8 = 1;
        let data = serde_json::from_str("{}").expect("a constant JSON text");
        let round = self.round.to_string();
        let body = RequestPacket { pattern: Some(STATS.into()), data, id: Some(round.as_str().into()) }.encode();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(TRANSIENT)
            .with_expiration(PATIENCE.as_millis().to_string().into())
            .with_correlation_id(round.as_str().into())
            .with_reply_to(self.reply_to.as_str().into());
        // What has nowhere to go comes back: nobody has bound a queue for it.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut confirms = Vec::with_capacity(names.len());
        for name in names {
            let (exchange, key) = (CONTROL_EXCHANGE.into(), stats_of(name).into());
            let sending = self.channel.basic_publish(exchange, key, options, &body, properties.clone());
            confirms.push(in_time(sending).await?);
        }
        let confirmed = in_time(try_join_all(confirms)).await?;
        let there = names.iter().zip(confirmed).filter(|(_, it)| !matches!(it, Confirmation::Ack(Some(_))));
        Ok(there.map(|(name, _)| *name).collect())
    }

    fn note(&mut self, reply: &Delivery) {
        let round = reply.properties.correlation_id().as_ref().and_then(|id| id.as_str().parse().ok());
        let told = decode_reply("", &reply.data).ok().and_then(Result::ok);
        let stats = told.and_then(|told| serde_json::from_str::<Stats>(told.get()).ok());
        if let (Some(round), Some(stats)) = (round, stats) {
            self.answers.insert(stats.instance, (round, stats));
        }
    }

    /// Whether everybody has answered who is known, and somebody of each name.
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
