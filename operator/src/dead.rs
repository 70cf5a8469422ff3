//! `signalbox dead list` and `signalbox dead show`: which events are dead-lettered, and why.

use std::fmt;

use amqp::topology::{dead_queue, retry_queue};
use amqp::{BrowsedMessage, Operator};
use contracts::{LISTENERS, SubscriptionInfo};
use serde::Serialize;

use crate::error::CliError;
use crate::print::{self, harmless};
use crate::table::{Cell, Table};
use crate::tool::Tool;

/// Numbers are null where the queue does not exist.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerState {
    pub(crate) listener: &'static str,
    event: &'static str,
    pub(crate) dead: Option<u32>,
    waiting: Option<u32>,
    retrying: Vec<Retrying>,
    pub(crate) consumers: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Retrying {
    after_ms: u32,
    waiting: Option<u32>,
}

impl ListenerState {
    /// A missing dead-letter queue is no good sign: dead letters are then lost, or stay in the listener's queue.
    pub(crate) fn is_well(&self) -> bool {
        self.dead == Some(0)
    }

    /// Such as "3 after 1 s, 1 after 30 s"; "–" if nothing is to be retried.
    fn retrying(&self) -> String {
        let waiting = self.retrying.iter().filter_map(|retry| Some((retry.after_ms, retry.waiting?)));
        let waiting = waiting.filter(|(_, waiting)| *waiting > 0);
        let texts: Vec<_> =
            waiting.map(|(after_ms, waiting)| format!("{waiting} after {}", seconds(after_ms))).collect();
        if texts.is_empty() { "–".into() } else { texts.join(", ") }
    }
}

fn seconds(milliseconds: u32) -> String {
    if milliseconds.is_multiple_of(1_000) {
        format!("{} s", milliseconds / 1_000)
    } else {
        format!("{milliseconds} ms")
    }
}

#[derive(Serialize)]
struct List {
    listeners: Vec<ListenerState>,
}

/// Shows the depths of every listener's queues. A check shows only listeners with dead letters, and succeeds if none has.
pub(crate) async fn list(tool: &Tool, check: bool) -> Result<bool, CliError> {
    let operator = tool.operator().await?;
    let listeners = listeners(tool, &operator).await;
    operator.close().await;
    let mut listeners = listeners.map_err(|error| tool.broke("cannot ask the broker", &error))?;
    if check {
        listeners.retain(|state| !state.is_well());
    }
    let well = !check || listeners.is_empty();
    if tool.json || !(check && well) {
        print::report(&List { listeners }, tool.json)?;
    }
    Ok(well)
}

/// The state of each listener.
pub(crate) async fn listeners(tool: &Tool, operator: &Operator) -> Result<Vec<ListenerState>, amqp::Error> {
    let mut listeners = Vec::new();
    for listener in &LISTENERS {
        listeners.push(state(operator, listener, &tool.delays_ms).await?);
    }
    Ok(listeners)
}

async fn state(
    operator: &Operator,
    listener: &SubscriptionInfo,
    delays_ms: &[u32],
) -> Result<ListenerState, amqp::Error> {
    let SubscriptionInfo { name, event, .. } = *listener;
    let mut retrying = Vec::new();
    for after_ms in delays_ms.iter().copied() {
        let depth = operator.depth(&retry_queue(name, after_ms)).await?;
        retrying.push(Retrying { after_ms, waiting: depth.map(|depth| depth.waiting) });
    }
    let (dead, live) = (operator.depth(&dead_queue(name)).await?, operator.depth(name).await?);
    Ok(ListenerState {
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
        write!(f, "{}", table(&self.listeners))
    }
}

/// A table of listeners.
pub(crate) fn table(listeners: &[ListenerState]) -> Table<5> {
    let mut table = Table::new(["LISTENER", "DEAD", "WAITING", "WORKERS", "RETRYING"]);
    for state in listeners {
        let ListenerState { listener, dead, waiting, consumers, .. } = state;
        table.row([
            Cell::text(*listener),
            Cell::number(*dead).alarm_if(!state.is_well()),
            Cell::number(*waiting),
            Cell::number(*consumers).alarm_if(consumers.unwrap_or_default() == 0),
            Cell::text(state.retrying()),
        ]);
    }
    table
}

/// A dead letter.
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
    /// Time since it was published.
    age_seconds: Option<u64>,
    /// The size of the body, if it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_bytes: Option<usize>,
    /// The body; only its beginning if it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
struct Show {
    listener: &'static str,
    /// The total.
    dead: u32,
    messages: Vec<DeadMessage>,
}

/// Shows the first dead letters of a listener, and leaves them in place.
pub(crate) async fn show(tool: &Tool, listener: SubscriptionInfo, limit: u32, body: bool) -> Result<bool, CliError> {
    let operator = tool.operator().await?;
    let shown = first(&operator, listener, limit, body).await;
    operator.close().await;
    let shown = shown.map_err(|error| tool.broke("cannot read the dead letters", &error))?;
    print::report(&shown, tool.json)?;
    Ok(true)
}

async fn first(operator: &Operator, listener: SubscriptionInfo, limit: u32, body: bool) -> Result<Show, amqp::Error> {
    let queue = dead_queue(listener.name);
    let dead = operator.depth(&queue).await?.unwrap_or_default().waiting;
    let mut messages = Vec::new();
    if dead > 0 {
        let browser = operator.browse(queue).await?;
        for _ in 0..limit.min(dead) {
            let Some(found) = browser.next().await? else { break };
            messages.push(dead_message(&found, body));
        }
        // Some brokers requeue messages at the end of the queue. Taking out all of them keeps their order.
        for _ in limit..dead {
            if browser.next().await?.is_none() {
                break;
            }
        }
        browser.close().await?;
    }
    Ok(Show { listener: listener.name, dead, messages })
}

fn dead_message(found: &BrowsedMessage, body: bool) -> DeadMessage {
    let failure = found.failure.clone();
    DeadMessage {
        id: found.id().map(Into::into),
        event: found.event(),
        reason: failure.reason,
        attempts: failure.attempts,
        first_error: failure.first_error,
        last_error: failure.last_error,
        request_id: found.meta.as_ref().and_then(|meta| meta.request_id.clone()),
        age_seconds: found.age().map(|age| age.as_secs()),
        body_bytes: body.then(|| found.body().len()),
        body: body.then(|| beginning(found.body())),
    }
}

/// As much of a body as a terminal shows without delay.
fn beginning(body: &[u8]) -> String {
    const MOST: usize = 64 * 1024;
    let shown = String::from_utf8_lossy(&body[..body.len().min(MOST)]).into_owned();
    if body.len() > MOST { format!("{shown}… (the first {MOST} of {} bytes)", body.len()) } else { shown }
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
            writeln!(f, "  reason          {}", text(&message.reason))?;
            writeln!(f, "  failed          {}", print::count(message.attempts.try_into().unwrap_or_default(), "time"))?;
            writeln!(f, "  first error     {}", text(&message.first_error))?;
            writeln!(f, "  last error      {}", text(&message.last_error))?;
            writeln!(f, "  request         {}", text(&message.request_id))?;
            if let Some(age) = message.age_seconds {
                writeln!(f, "  published       {age} s ago")?;
            }
            if let Some(bytes) = message.body_bytes {
                writeln!(f, "  body, {bytes} bytes  {}", text(&message.body))?;
            }
        }
        Ok(())
    }
}
