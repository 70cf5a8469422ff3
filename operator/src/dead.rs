//! `bus dead list` and `bus dead show`: what is dead, and why.

use std::fmt;

use bus::topology::{dead_queue, retry_queue};
use bus::{Found, Operator};
use contracts::{LISTENERS, Subscription};
use serde::Serialize;

use crate::print::{self, harmless};
use crate::tool::{Tool, Trouble};

/// Numbers are null where the queue does not exist.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listening {
    listener: &'static str,
    event: &'static str,
    dead: Option<u32>,
    waiting: Option<u32>,
    retrying: Vec<Retrying>,
    consumers: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Retrying {
    after_ms: u32,
    waiting: Option<u32>,
}

#[derive(Serialize)]
struct List {
    listeners: Vec<Listening>,
}

/// Shows how full the queues of every listener are.
pub(crate) async fn list(tool: &Tool) -> Result<bool, Trouble> {
    let operator = tool.operator().await?;
    let mut listeners = Vec::new();
    for listener in &LISTENERS {
        listeners.push(listening(&operator, listener, &tool.delays_ms).await?);
    }
    operator.close().await;
    print::report(&List { listeners }, tool.json)?;
    Ok(true)
}

async fn listening(operator: &Operator, listener: &Subscription, delays_ms: &[u32]) -> Result<Listening, bus::Error> {
    let Subscription { name, event, .. } = *listener;
    let mut retrying = Vec::new();
    for after_ms in delays_ms.iter().copied() {
        let depth = operator.depth(&retry_queue(name, after_ms)).await?;
        retrying.push(Retrying { after_ms, waiting: depth.map(|depth| depth.waiting) });
    }
    let (dead, live) = (operator.depth(&dead_queue(name)).await?, operator.depth(name).await?);
    Ok(Listening {
        listener: name,
        event,
        dead: dead.map(|depth| depth.waiting),
        waiting: live.map(|depth| depth.waiting),
        retrying,
        consumers: live.map(|depth| depth.consumers),
    })
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or_else(|| "no queue".into(), |number| number.to_string());
        writeln!(f, "{:<28} {:>8} {:>8} {:>9}  RETRYING", "LISTENER", "DEAD", "WAITING", "CONSUMERS")?;
        for listening in &self.listeners {
            let Listening { listener, dead, waiting, consumers, .. } = listening;
            let (dead, waiting, consumers) = (number(*dead), number(*waiting), number(*consumers));
            let retrying = listening.retrying.iter();
            let retrying: Vec<_> =
                retrying.map(|retry| format!("{} after {} ms", number(retry.waiting), retry.after_ms)).collect();
            writeln!(f, "{listener:<28} {dead:>8} {waiting:>8} {consumers:>9}  {}", retrying.join(", "))?;
        }
        Ok(())
    }
}

/// A dead message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadMessage {
    id: Option<String>,
    event: Option<String>,
    reason: Option<String>,
    attempts: u32,
    first_error: Option<String>,
    last_error: Option<String>,
    request_id: Option<String>,
    /// Since it was published.
    age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
struct Show {
    listener: &'static str,
    /// How many there are in all.
    dead: u32,
    messages: Vec<DeadMessage>,
}

/// Shows the first of a listener's dead messages, and leaves them where they are.
pub(crate) async fn show(tool: &Tool, listener: Subscription, limit: u32, body: bool) -> Result<bool, Trouble> {
    let operator = tool.operator().await?;
    let queue = dead_queue(listener.name);
    let dead = operator.depth(&queue).await?.unwrap_or_default().waiting;
    let mut messages = Vec::new();
    if dead > 0 {
        let look = operator.look(queue).await?;
        for _ in 0..limit.min(dead) {
            let Some(found) = look.next().await? else { break };
            messages.push(dead_message(&found, body));
        }
        // Some brokers put back at the end: when all are taken out, their order stays.
        for _ in limit..dead {
            if look.next().await?.is_none() {
                break;
            }
        }
        look.close().await?;
    }
    operator.close().await;
    print::report(&Show { listener: listener.name, dead, messages }, tool.json)?;
    Ok(true)
}

fn dead_message(found: &Found, body: bool) -> DeadMessage {
    let epitaph = found.epitaph.clone();
    DeadMessage {
        id: found.id().map(Into::into),
        event: found.event(),
        reason: epitaph.reason,
        attempts: epitaph.attempts,
        first_error: epitaph.first_error,
        last_error: epitaph.last_error,
        request_id: found.meta.as_ref().and_then(|meta| meta.request_id.clone()),
        age_seconds: found.age().map(|age| age.as_secs()),
        body: body.then(|| String::from_utf8_lossy(found.body()).into_owned()),
    }
}

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dead, shown) = (usize::try_from(self.dead).unwrap_or(usize::MAX), self.messages.len());
        write!(f, "{}: {}", self.listener, print::count(dead, "dead message"))?;
        writeln!(
            f,
            "{}",
            if shown < dead { format!(", of which these are the first {shown}") } else { String::new() }
        )?;
        for message in &self.messages {
            let text = |text: &Option<String>| text.as_deref().map_or_else(|| "unknown".into(), harmless);
            writeln!(f, "\n{}  {}", text(&message.id), text(&message.event))?;
            writeln!(f, "  buried because  {}", text(&message.reason))?;
            writeln!(f, "  failed          {}", print::count(message.attempts.try_into().unwrap_or_default(), "time"))?;
            writeln!(f, "  first error     {}", text(&message.first_error))?;
            writeln!(f, "  last error      {}", text(&message.last_error))?;
            writeln!(f, "  request         {}", text(&message.request_id))?;
            if let Some(age) = message.age_seconds {
                writeln!(f, "  published       {age} s ago")?;
            }
            if message.body.is_some() {
                writeln!(f, "  body            {}", text(&message.body))?;
            }
        }
        Ok(())
    }
}
