//! `signalbox why`: the trace of an order, a request, an event or a user.

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
use report::{EventTrace, ListenerTrace, Pending, Report, State};

/// Shows everything that is known about an id; fails if nothing is.
pub(crate) async fn why(tool: &mut Tool, id: &str) -> Result<bool, CliError> {
    let records = Records::open(tool).await?;
    let mut report = rows(&records, id).await?;
    let operator = tool.operator().await?;
    let followed = follow(tool, &records, &operator, &mut report).await;
    operator.close().await;
    followed?;
    if report.is_empty() {
        let searched = "no row, no event in an outbox or an inbox, no waiting or dead-lettered message";
        return Err(StartError::failed(format!("nothing is known of {}", print::harmless(id)), searched).into());
    }
    print::report(&report, tool.json)?;
    Ok(true)
}

/// Adds the state of each event at its listeners.
async fn follow(tool: &Tool, records: &Records, operator: &Operator, report: &mut Report) -> Result<(), CliError> {
    let mut queues = Queues::new(tool, operator);
    if report.events.is_empty() {
        report.events = unrecorded(records, &mut queues, &report.id).await?;
    }
    for event in &mut report.events {
        event.listeners = listeners(records, &mut queues, event).await?;
        // If one listener has it, it was published.
        let is_published = event.has_reached_a_listener();
        for index in 0..event.listeners.len() {
            if let (State::Pending, Some(listener)) = (event.listeners[index].state, info(&event.listeners[index])) {
                event.listeners[index].pending = Some(pending(&queues, listener, event, is_published).await?);
            }
        }
    }
    report.not_seen_through = queues.not_seen_through();
    Ok(())
}

/// The rows in the databases of the services.
async fn rows(records: &Records, id: &str) -> Result<Report, CliError> {
    let uuid = Uuid::try_parse(id).ok();
    let (mut order, mut user) = (records.order(uuid).await?, records.user(uuid).await?);
    let events = records.events(id, uuid, order.as_ref()).await?;
    if order.is_none() && user.is_none() {
        // It is the id of an event or a request: look up the order or user that the event is about.
        let about = events.iter().find(|event| event.owner.as_deref() != Some(id));
        let about = about.and_then(|event| Uuid::try_parse(event.about.as_deref()?).ok());
        (order, user) = (records.order(about).await?, records.user(about).await?);
    }
    let idempotency_key = match &order {
        Some(order) => records.key(order).await?,
        None => None,
    };
    Ok(Report { id: id.into(), order, idempotency_key, user, events, not_seen_through: vec![] })
}

/// Events that are in no outbox, or no longer: found in an inbox, or in a queue.
async fn unrecorded(records: &Records, queues: &mut Queues<'_>, id: &str) -> Result<Vec<EventTrace>, CliError> {
    let mut events: Vec<EventTrace> = Vec::new();
    for listener in &LISTENERS {
        let applied = match Uuid::try_parse(id) {
            Ok(event) => records.applied(listener, event).await?.map(|_| EventTrace::unrecorded(event, listener)),
            Err(_) => None,
        };
        let found = queues.of(listener).await?.iter().filter(|message| message.is_of(id));
        let found = found.filter_map(|message| Some(EventTrace::unrecorded(message.event_id?, listener)));
        for event in applied.into_iter().chain(found) {
            if !events.iter().any(|known| known.id == event.id) {
                events.push(event);
            }
        }
    }
    Ok(events)
}

/// The state of an event at each of its listeners.
async fn listeners(
    records: &Records,
    queues: &mut Queues<'_>,
    event: &EventTrace,
) -> Result<Vec<ListenerTrace>, CliError> {
    let mut traces = Vec::new();
    for listener in LISTENERS.iter().filter(|listener| listener.event == event.event) {
        let applied_at = records.applied(listener, event.id).await?;
        let queue = match applied_at {
            Some(_) => None,
            None => queues.of(listener).await?.iter().find(|message| message.event_id == Some(event.id)).cloned(),
        };
        let state = match (&applied_at, &queue) {
            (Some(_), _) => State::Applied,
            (None, Some(QueuedMessage { dead: true, .. })) => State::Dead,
            (None, Some(_)) => State::Retrying,
            (None, None) => State::Pending,
        };
        traces.push(ListenerTrace { listener: listener.name, state, pending: None, applied_at, queue });
    }
    Ok(traces)
}

fn info(trace: &ListenerTrace) -> Option<&'static SubscriptionInfo> {
    LISTENERS.iter().find(|listener| listener.name == trace.listener)
}

/// What a pending event waits for.
async fn pending(
    queues: &Queues<'_>,
    listener: &SubscriptionInfo,
    event: &EventTrace,
    is_published: bool,
) -> Result<Pending, CliError> {
    if event.set_aside.is_some() {
        return Ok(Pending::SetAside);
    }
    if event.recorded_at.is_some() && event.published_at.is_none() && !is_published {
        return Ok(Pending::Unpublished);
    }
    Ok(match queues.live(listener).await? {
        None => Pending::NoQueue,
        Some(Depth { consumers: 0, .. }) => Pending::NoWorker,
        Some(_) => Pending::InQueue,
    })
}
