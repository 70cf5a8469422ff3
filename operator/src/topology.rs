//! `bus topology check` and `bus topology apply`: what the code declares, against what the broker has.

use std::fmt;

use bus::topology::{CONTROL_EXCHANGE, Item, State, request, retries, subscription};
use contracts::{LISTENERS, PATTERNS};
use serde::Serialize;

use crate::print;
use crate::tool::{Tool, Trouble};

/// Everything that the processes declare, once.
fn declared(delays_ms: &[u32]) -> Vec<Item> {
    let requests = PATTERNS.into_iter().flat_map(request);
    let listening = LISTENERS.iter().flat_map(|listener| {
        let mut items = subscription(listener);
        items.extend(retries(listener.name, delays_ms));
        items
    });
    let mut all: Vec<Item> = Vec::new();
    for item in requests.chain(listening).chain([Item::Exchange(CONTROL_EXCHANGE)]) {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all
}

/// What is not as declared.
#[derive(Serialize)]
struct Report {
    /// Queues and exchanges that are as declared.
    same: usize,
    missing: Vec<String>,
    different: Vec<Different>,
    /// Bindings, of which a broker does not tell.
    untold: Vec<String>,
    /// What was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Different {
    item: String,
    /// In the broker's words.
    how: String,
}

impl Report {
    fn of(compared: &[(&Item, State)]) -> Self {
        let mut report = Self { same: 0, missing: vec![], different: vec![], untold: vec![], made: None };
        for (item, state) in compared {
            let item = item.to_string();
            match state {
                State::Same => report.same += 1,
                State::Missing => report.missing.push(item),
                State::Different(how) => report.different.push(Different { item, how: how.clone() }),
                State::Untold => report.untold.push(item),
            }
        }
        report
    }

    fn is_well(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty()
    }
}

/// Compares and changes nothing.
pub(crate) async fn check(tool: &Tool) -> Result<bool, Trouble> {
    let items = declared(&tool.delays_ms);
    let operator = tool.operator().await?;
    let report = Report::of(&operator.compare(&items).await?);
    operator.close().await;
    print::report(&report, tool.json)?;
    Ok(report.is_well())
}

/// Makes what is missing, and every binding, which is no change where there is one.
pub(crate) async fn apply(tool: &Tool) -> Result<bool, Trouble> {
    let items = declared(&tool.delays_ms);
    let operator = tool.operator().await?;
    let compared = operator.compare(&items).await?;
    let mut report = Report::of(&compared);
    let wanted = compared.iter().filter(|(_, state)| matches!(state, State::Missing | State::Untold));
    let wanted: Vec<Item> = wanted.map(|(item, _)| (*item).clone()).collect();
    operator.apply(&wanted).await?;
    operator.close().await;
    report.made = Some(std::mem::take(&mut report.missing));
    print::report(&report, tool.json)?;
    Ok(report.is_well())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "as declared: {} queues and exchanges", self.same)?;
        for item in self.made.iter().flatten() {
            writeln!(f, "made: {item}")?;
        }
        for item in &self.missing {
            writeln!(f, "missing: {item}")?;
        }
        for Different { item, how } in &self.different {
            writeln!(f, "different: {item}\n  {}", print::harmless(how))?;
        }
        let bindings = print::count(self.untold.len(), "binding");
        if self.made.is_some() {
            writeln!(f, "{bindings} made sure of")?;
        } else {
            writeln!(
                f,
                "{bindings} not compared: a broker does not tell of them; `bus topology apply` makes them sure"
            )?;
        }
        if !self.missing.is_empty() {
            writeln!(f, "\n`bus topology apply` makes what is missing; so does every process that needs it.")?;
        }
        if !self.different.is_empty() {
            writeln!(f, "\n{WHAT_TO_DO}")?;
        }
        Ok(())
    }
}

const WHAT_TO_DO: &str =
    "What differs is not touched: a queue's arguments cannot be changed, and a process that declares
it fails. Either set the setting back that it was made with (EVENTS_RETRY_MS), or stop what publishes to the queue, let
its consumers empty it, delete it (`rabbitmqctl delete_queue NAME`) and run `bus topology apply`.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_declared_once() {
        let items = declared(&[1_000, 5_000]);
        let count = |start: &str| items.iter().filter(|item| item.to_string().starts_with(start)).count();
        assert_eq!(count("exchange "), 2);
        assert_eq!(count("queue "), PATTERNS.len() * 2 + LISTENERS.len() * 4);
        assert_eq!(count("binding "), PATTERNS.len() + LISTENERS.len());
    }
}
