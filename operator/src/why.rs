//! `signalbox why`: what happened to an order, a request, an event or a user.

mod queues;
mod records;
mod report;

use amqp::{Depth, Operator};
use contracts::{LISTENERS, SubscriptionInfo};
use runtime::StartError;
use uuid::Uuid;

use crate::error::CliError;
use crate::print;
use crate::tool::Tool;
use queues::{QueuedMessage, Queues};
use records::Records;
use report::{EventConsumer, EventTrace, Pending, Report, State};

/// Shows everything that is known of an id; that nothing is, is a failure.
pub(crate) async fn why(tool: &mut Tool, id: &str) -> Result<bool, CliError> {
    let records = Records::open(tool).await?;
    let mut report = rows(&records, id).await?;
    let operator = tool.operator().await?;
    let followed = follow(tool, &records, &operator, &mut report).await;
    operator.close().await;
    followed?;
    if report.is_empty() {
        let where_not = "no row, no event in an outbox or an inbox, no message that waits or is dead";
        return Err(StartError::failed(format!("nothing is known of {}", print::harmless(id)), where_not).into());
    }
    print::report(&report, tool.json)?;
    Ok(true)
}

/// Adds what became of each event.
async fn follow(tool: &Tool, records: &Records, operator: &Operator, report: &mut Report) -> Result<(), CliError> {
    let mut queues = Queues::new(tool, operator);
    if report.events.is_empty() {
        report.events = strays(records, &mut queues, &report.id).await?;
    }
    for told in &mut report.events {
        told.listeners = hearings(records, &mut queues, told).await?;
        // What it waits for depends on how far it got with the others.
        let is_out = told.is_out();
        for index in 0..told.listeners.len() {
            if let (State::Pending, Some(listener)) = (told.listeners[index].state, listener(&told.listeners[index])) {
                told.listeners[index].pending = Some(pending(&queues, listener, told, is_out).await?);
            }
        }
    }
    report.not_seen_through = queues.not_seen_through();
    Ok(())
}

/// What the services have written down.
async fn rows(records: &Records, id: &str) -> Result<Report, CliError> {
    let uuid = Uuid::try_parse(id).ok();
    let (mut order, mut user) = (records.order(uuid).await?, records.user(uuid).await?);
    let events = records.events(id, uuid, order.as_ref()).await?;
    if order.is_none() && user.is_none() {
        // It is an event, or a request: its row is that of what it tells of.
        let about = events.iter().find(|told| told.owner.as_deref() != Some(id));
        let about = about.and_then(|told| Uuid::try_parse(told.about.as_deref()?).ok());
        (order, user) = (records.order(about).await?, records.user(about).await?);
    }
    let idempotency_key = match &order {
        Some(order) => records.key(order).await?,
        None => None,
    };
    Ok(Report { id: id.into(), order, idempotency_key, user, events, not_seen_through: vec![] })
}

/// Events that no outbox has, or has no more: known by whoever heard them, or by where they lie.
async fn strays(records: &Records, queues: &mut Queues<'_>, id: &str) -> Result<Vec<EventTrace>, CliError> {
    let mut events: Vec<EventTrace> = Vec::new();
    for listener in &LISTENERS {
        let heard = match Uuid::try_parse(id) {
            Ok(event) => records.applied(listener, event).await?.map(|_| EventTrace::stray(event, listener)),
            Err(_) => None,
        };
        let lying = queues.of(listener).await?.iter().filter(|lying| lying.is_of(id));
        let lying = lying.filter_map(|lying| Some(EventTrace::stray(lying.event_id?, listener)));
        for told in heard.into_iter().chain(lying) {
            if !events.iter().any(|known| known.id == told.id) {
                events.push(told);
            }
        }
    }
    Ok(events)
}

/// How it stands with each listener of an event.
async fn hearings(
    records: &Records,
    queues: &mut Queues<'_>,
    told: &EventTrace,
) -> Result<Vec<EventConsumer>, CliError> {
    let mut hearings = Vec::new();
    for listener in LISTENERS.iter().filter(|listener| listener.event == told.event) {
        let applied_at = records.applied(listener, told.id).await?;
        let queue = match applied_at {
            Some(_) => None,
            None => queues.of(listener).await?.iter().find(|lying| lying.event_id == Some(told.id)).cloned(),
        };
        let state = match (&applied_at, &queue) {
            (Some(_), _) => State::Applied,
            (None, Some(QueuedMessage { dead: true, .. })) => State::Dead,
            (None, Some(_)) => State::Retrying,
            (None, None) => State::Pending,
        };
        hearings.push(EventConsumer { listener: listener.name, state, pending: None, applied_at, queue });
    }
    Ok(hearings)
}

fn listener(hearing: &EventConsumer) -> Option<&'static SubscriptionInfo> {
    LISTENERS.iter().find(|listener| listener.name == hearing.listener)
}

/// What an event waits for that has had no effect and has not failed.
async fn pending(
    queues: &Queues<'_>,
    listener: &SubscriptionInfo,
    told: &EventTrace,
    is_out: bool,
) -> Result<Pending, CliError> {
    if told.set_aside.is_some() {
        return Ok(Pending::SetAside);
    }
    if told.recorded_at.is_some() && told.published_at.is_none() && !is_out {
        return Ok(Pending::Unpublished);
    }
    Ok(match queues.live(listener).await? {
        None => Pending::NoQueue,
        Some(Depth { consumers: 0, .. }) => Pending::NoWorker,
        Some(_) => Pending::InQueue,
    })
}
