//! `signalbox topology check` and `signalbox topology apply`: compares the broker with what the code declares.

use std::fmt;

use amqp::topology::{
    CONTROL_EXCHANGE, EXPIRED_EXCHANGE, Item, Policy, State, TELEMETRY_EXCHANGE, policies, request, retries,
    subscription,
};
use amqp::{Operator, Upgrade};
use contracts::{LISTENERS, PATTERNS};
use management::Difference;
use serde::Serialize;

use crate::error::CliError;
use crate::print;
use crate::tool::Tool;

/// Everything that the processes declare, without duplicates.
fn declared(delays_ms: &[u32]) -> Vec<Item> {
    let requests = PATTERNS.into_iter().flat_map(request);
    let listening = LISTENERS.iter().flat_map(|listener| {
        let mut items = subscription(listener);
        items.extend(retries(listener.name, delays_ms));
        items
    });
    let mut all: Vec<Item> = Vec::new();
    let exchanges = [CONTROL_EXCHANGE, TELEMETRY_EXCHANGE].map(Item::Exchange).into_iter();
    let exchanges = exchanges.chain([Item::HeadersExchange(EXPIRED_EXCHANGE)]);
    for item in requests.chain(listening).chain(exchanges) {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}

/// How the broker differs from what is declared.
#[derive(Serialize, Default)]
struct Report {
    /// Queues, exchanges and policies that are as declared.
    same: usize,
    missing: Vec<String>,
    different: Vec<Different>,
    /// Bindings, which AMQP cannot list; and policies, if AMQP_MANAGEMENT_URL is not set.
    #[serde(rename = "untold")]
    unverifiable: Vec<String>,
    /// What was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Vec<String>>,
    /// Queues of an older release that were replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    renewed: Vec<String>,
}

#[derive(Serialize)]
struct Different {
    item: String,
    /// The broker's error, or what to do.
    how: String,
}

impl Report {
    fn add(&mut self, compared: &[(&Item, State)]) {
        for (item, state) in compared {
            let item = item.to_string();
            match state {
                State::Same => self.same += 1,
                State::Missing => self.missing.push(item),
                State::Different(how) => self.different.push(Different { item, how: how.clone() }),
                State::Unverifiable => self.unverifiable.push(item),
            }
        }
    }

    fn is_well(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty()
    }

    fn count_unverifiable(&self, start: &str) -> usize {
        self.unverifiable.iter().filter(|item| item.starts_with(start)).count()
    }
}

/// Compares the policies; returns those to set. Without a management API they cannot be verified.
fn compare_policies(tool: &Tool, report: &mut Report) -> Result<Vec<Policy>, CliError> {
    let Some(management) = &tool.management else {
        report.unverifiable.extend(policies().iter().map(|policy| format!("policy {}", policy.name)));
        return Ok(Vec::new());
    };
    let mut wanted = Vec::new();
    for (policy, difference) in management.compare(&policies())? {
        let item = format!("policy {}", policy.name);
        match difference {
            Difference::None => report.same += 1,
            Difference::Missing => {
                report.missing.push(item);
                wanted.push(policy);
            }
            Difference::Some(how) => {
                report.different.push(Different { item, how });
                wanted.push(policy);
            }
        }
    }
    Ok(wanted)
}

/// Compares; changes nothing.
pub(crate) async fn check(tool: &Tool) -> Result<bool, CliError> {
    let items = declared(&tool.delays_ms);
    let mut report = Report::default();
    compare_policies(tool, &mut report)?;
    let operator = tool.operator().await?;
    let compared = operator.compare(&items).await;
    operator.close().await;
    report.add(&compared.map_err(|error| tool.broke("cannot ask the broker", &error))?);
    print::report(&report, tool.json)?;
    Ok(report.is_well())
}

/// Creates what is missing and every binding (which has no effect if it exists), sets the policies, and replaces request
/// queues of an older release.
pub(crate) async fn apply(tool: &Tool) -> Result<bool, CliError> {
    let mut report = Report::default();
    let wanted = compare_policies(tool, &mut report)?;
    for policy in &wanted {
        // First, so that no queue is ever without its limits.
        if let Some(management) = &tool.management {
            management.set(policy)?;
        }
    }
    let changed = report.different.drain(..).map(|Different { item, .. }| item);
    let mut made: Vec<String> = report.missing.drain(..).chain(changed).collect();
    let operator = tool.operator().await?;
    let applied = create(tool, &operator, &declared(&tool.delays_ms), &mut report).await;
    operator.close().await;
    applied?;
    made.append(&mut report.missing);
    report.made = Some(made);
    print::report(&report, tool.json)?;
    Ok(report.is_well())
}

async fn create(tool: &Tool, operator: &Operator, items: &[Item], report: &mut Report) -> Result<(), CliError> {
    let broke = |error: amqp::Error| tool.broke("cannot make what is missing", &error);
    let mut compared = operator.compare(items).await.map_err(broke)?;
    let exchanges = items.iter().filter(|item| matches!(item, Item::Exchange(_) | Item::HeadersExchange(_))).cloned();
    operator.apply(&exchanges.collect::<Vec<_>>()).await.map_err(broke)?;
    for item in PATTERNS.into_iter().flat_map(request) {
        let Item::Queue(queue, _) = &item else { continue };
        let bindings = items.iter().filter(|it| matches!(it, Item::Binding { queue: bound, .. } if bound == queue));
        let own: Vec<Item> = std::iter::once(&item).chain(bindings).cloned().collect();
        let differs = compared.iter().any(|(it, state)| **it == item && matches!(state, State::Different(_)));
        let in_hand = match &tool.management {
            Some(management) if differs => management.queue(queue)?.unacknowledged,
            _ => 0,
        };
        let upgraded = if in_hand > 0 { Upgrade::InUse } else { operator.upgrade(queue, &own).await.map_err(broke)? };
        let state = match upgraded {
            Upgrade::Unneeded => continue,
            Upgrade::Done(waiting) => {
                let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
                report.renewed.push(format!("{item}, with {}", print::count(waiting, "message")));
                State::Same
            }
            Upgrade::InUse => State::Different(IN_USE.into()),
        };
        compared.iter_mut().filter(|(it, _)| **it == item).for_each(|row| row.1 = state.clone());
    }
    let wanted = compared.iter().filter(|(_, state)| matches!(state, State::Missing | State::Unverifiable));
    let wanted: Vec<Item> = wanted.map(|(item, _)| (*item).clone()).collect();
    operator.apply(&wanted).await.map_err(broke)?;
    report.add(&compared);
    Ok(())
}

const IN_USE: &str =
    "an older release declared it, and workers consume it or did until now: stop them, then run this again";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "as declared: {} queues, exchanges and policies", self.same)?;
        for item in self.made.iter().flatten() {
            writeln!(f, "created: {item}")?;
        }
        for item in &self.renewed {
            writeln!(f, "recreated: {item}")?;
        }
        for item in &self.missing {
            writeln!(f, "missing: {item}")?;
        }
        for Different { item, how } in &self.different {
            writeln!(f, "different: {item}\n  {}", print::harmless(how))?;
        }
        let policies = self.count_unverifiable("policy ");
        if policies > 0 {
            let policies = if policies == 1 { "1 policy".into() } else { format!("{policies} policies") };
            writeln!(f, "{policies} not compared: set AMQP_MANAGEMENT_URL to the broker's management API")?;
        }
        let bindings = print::count(self.count_unverifiable("binding "), "binding");
        if self.made.is_some() {
            writeln!(f, "{bindings} ensured")?;
        } else {
            writeln!(f, "{bindings} not compared: AMQP cannot list them")?;
        }
        if !self.missing.is_empty() {
            writeln!(f, "\n`signalbox topology apply` creates what is missing; so do processes that need it.")?;
        }
        if !self.different.is_empty() {
            writeln!(f, "\n{WHAT_TO_DO}")?;
        }
        Ok(())
    }
}

const WHAT_TO_DO: &str = "\
`signalbox topology apply` sets policies that differ, and replaces request queues
of an older release once no worker consumes them. It leaves any other queue as it
is: its arguments cannot be changed, and a process that declares it fails. Either
restore the setting that it was declared with (EVENTS_RETRY_MS), or stop what
publishes to it, let its consumers empty it, delete it (`rabbitmqctl
delete_queue NAME`) and run `signalbox topology apply`.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_declared_once() {
        let items = declared(&[1_000, 5_000]);
        let count = |start: &str| items.iter().filter(|item| item.to_string().starts_with(start)).count();
        assert_eq!(count("exchange "), 5);
        assert_eq!(count("queue "), PATTERNS.len() * 2 + LISTENERS.len() * 4);
        assert_eq!(count("binding "), PATTERNS.len() + LISTENERS.len());
    }
}
