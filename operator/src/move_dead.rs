//! `signalbox dead redrive` and `signalbox dead drop`: returns dead letters to their listener, or deletes them.

use std::fmt;
use std::io::{IsTerminal, Write, stdin};
use std::time::Duration;

use amqp::topology::dead_queue;
use amqp::{BrowsedMessage, DeadLetters, Held, Operator};
use contracts::SubscriptionInfo;
use indicatif::{ProgressBar, ProgressStyle};
use runtime::Shutdown;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::args::Which;
use crate::error::CliError;
use crate::print;
use crate::tool::Tool;

/// How long the confirmation may take; the messages are held meanwhile.
const CONFIRMATION: Duration = Duration::from_mins(5);
/// How many ids the confirmation lists.
const LISTED: usize = 20;

/// What is done with each selected message.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Only counted.
    Counted,
    Redriven,
    Dropped,
}

/// The result of a command.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    listener: &'static str,
    done: Action,
    messages: usize,
    /// Ids that no dead letter has.
    not_found: Vec<String>,
    /// Whether a signal stopped it before the end.
    interrupted: bool,
    /// Whether the confirmation was answered with no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    declined: bool,
    #[serde(skip)]
    error: Option<amqp::Error>,
}

impl Outcome {
    /// Prints it; whether everything was done.
    fn report(self, tool: &Tool) -> Result<bool, CliError> {
        print::report(&self, tool.json)?;
        match self.error {
            Some(error) => Err(tool.broke("stopped before the end", &error)),
            None => Ok(!self.interrupted && !self.declined && self.not_found.is_empty()),
        }
    }
}

/// Returns dead letters to their listener.
pub(crate) async fn redrive(
    tool: &Tool,
    listener: SubscriptionInfo,
    which: &Which,
    rate: Option<u32>,
    dry_run: bool,
) -> Result<bool, CliError> {
    let action = if dry_run { Action::Counted } else { Action::Redriven };
    let pass = Pass { listener, action, which, rate: rate.map(Rate::new), confirm: false, stop: Tool::stop()? };
    pass.run(tool).await
}

/// Deletes dead letters for good, after a confirmation.
pub(crate) async fn drop(tool: &Tool, listener: SubscriptionInfo, which: &Which, yes: bool) -> Result<bool, CliError> {
    if !yes && !stdin().is_terminal() {
        return Err(CliError::Usage(
            "there is no terminal to ask for confirmation: pass --yes to drop messages".into(),
        ));
    }
    let pass = Pass { listener, action: Action::Dropped, which, rate: None, confirm: !yes, stop: Tool::stop()? };
    pass.run(tool).await
}

/// A limit of messages per second.
struct Rate {
    per_second: u32,
    interval: Interval,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let mut interval = interval(Duration::from_secs(1) / per_second);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { per_second, interval }
    }
}

/// One pass over the dead letters that exist when it begins: one that is dead-lettered again meanwhile is not read twice.
struct Pass<'a> {
    listener: SubscriptionInfo,
    action: Action,
    which: &'a Which,
    rate: Option<Rate>,
    /// Finds and holds all selected messages, asks for confirmation, then drops exactly those.
    confirm: bool,
    stop: Shutdown,
}

impl Pass<'_> {
    async fn run(mut self, tool: &Tool) -> Result<bool, CliError> {
        let operator = tool.operator().await?;
        let done = self.all(&operator).await;
        operator.close().await;
        done.map_err(|error| tool.broke("cannot read the dead letters", &error))?.report(tool)
    }

    async fn all(&mut self, operator: &Operator) -> Result<Outcome, amqp::Error> {
        let total = operator.depth(&dead_queue(self.listener.name)).await?.unwrap_or_default().waiting;
        let mut done = Outcome {
            listener: self.listener.name,
            done: self.action,
            messages: 0,
            not_found: self.which.ids.clone(),
            interrupted: false,
            declined: false,
            error: None,
        };
        if total == 0 {
            return Ok(done);
        }
        let dead_letters = operator.dead_letters(self.listener.name).await?;
        // An error does not hide what was done before it.
        done.error = self.walk(total, &dead_letters, &mut done).await.err();
        if done.interrupted || done.error.is_some() {
            // The ids may belong to messages that were not read.
            done.not_found.clear();
        }
        let closed = dead_letters.close().await;
        done.error = done.error.or(closed.err());
        Ok(done)
    }

    async fn walk(&mut self, total: u32, dead_letters: &DeadLetters, done: &mut Outcome) -> Result<(), amqp::Error> {
        let most = self.which.limit.unwrap_or(total).min(total);
        let bar = bar(if self.which.ids.is_empty() { most } else { total }, self.rate.as_ref());
        let mut held: Vec<(Option<String>, Held)> = Vec::new();
        let (mut read, mut selected) = (0, 0);
        while read < total && selected < most {
            if self.stop.is_requested() {
                done.interrupted = true;
                break;
            }
            let Some(found) = dead_letters.next().await? else { break };
            read += 1;
            if self.selects(&found, &mut done.not_found) {
                if !self.wait_for_rate().await {
                    done.interrupted = true;
                    break;
                }
                selected += 1;
                if self.confirm {
                    held.push((found.id().map(Into::into), found.held()));
                } else {
                    self.settle(dead_letters, &found).await?;
                    done.messages += 1;
                }
            }
            bar.set_position(if self.which.ids.is_empty() { selected } else { read }.into());
        }
        bar.finish_and_clear();
        if self.confirm && !done.interrupted && !held.is_empty() {
            self.confirm_and_drop(dead_letters, &held, done).await?;
        }
        Ok(())
    }

    async fn settle(&self, dead_letters: &DeadLetters, found: &BrowsedMessage) -> Result<(), amqp::Error> {
        match self.action {
            Action::Counted => Ok(()),
            Action::Redriven => dead_letters.redrive(found).await,
            Action::Dropped => dead_letters.remove(&found.held()).await,
        }
    }

    async fn confirm_and_drop(
        &self,
        dead_letters: &DeadLetters,
        held: &[(Option<String>, Held)],
        done: &mut Outcome,
    ) -> Result<(), amqp::Error> {
        let ids = held.iter().map(|(id, _)| id.as_deref());
        done.declined = !self.is_confirmed(ids, &done.not_found).await;
        if done.declined {
            return Ok(());
        }
        for (_, held) in held {
            dead_letters.remove(held).await?;
            done.messages += 1;
        }
        Ok(())
    }

    /// Asks at the terminal. A timeout, the end of the input and a signal mean no.
    async fn is_confirmed<'i>(
        &self,
        ids: impl ExactSizeIterator<Item = Option<&'i str>>,
        not_found: &[String],
    ) -> bool {
        let question = question(self.listener.name, ids, not_found);
        let _ = write!(std::io::stderr(), "{question}");
        let _ = std::io::stderr().flush();
        let (sender, receiver) = oneshot::channel();
        // Not a blocking task: it cannot be cancelled, and the runtime would wait for it.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = stdin().read_line(&mut answer);
            let _ = sender.send(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"));
        });
        tokio::select! {
            answer = timeout(CONFIRMATION, receiver) => matches!(answer, Ok(Ok(true))),
            () = self.stop.requested() => false,
        }
    }

    fn selects(&self, found: &BrowsedMessage, not_found: &mut Vec<String>) -> bool {
        if self.which.ids.is_empty() {
            return true;
        }
        let Some(id) = found.id() else { return false };
        let is_it = |wanted: &String| wanted.eq_ignore_ascii_case(id);
        not_found.retain(|wanted| !is_it(wanted));
        self.which.ids.iter().any(is_it)
    }

    /// Waits until the rate allows one more; `false` if a signal came first.
    async fn wait_for_rate(&mut self) -> bool {
        let Some(rate) = &mut self.rate else { return true };
        tokio::select! {
            biased;
            () = self.stop.requested() => false,
            _ = rate.interval.tick() => true,
        }
    }
}

fn question<'i>(listener: &str, ids: impl ExactSizeIterator<Item = Option<&'i str>>, not_found: &[String]) -> String {
    let total = ids.len();
    let mut lines: Vec<String> =
        ids.take(LISTED).map(|id| id.map_or("without an id".into(), print::harmless)).collect();
    if total > LISTED {
        lines.push(format!("and {} more", total - LISTED));
    }
    let unknown = not_found.iter().map(|id| format!("no dead message has the id {}\n", print::harmless(id)));
    let unknown: String = unknown.collect();
    let messages = print::count(total, "dead message");
    format!("  {}\n{unknown}Drop {messages} of {listener} for good? [y/N] ", lines.join("\n  "))
}

/// A progress bar; visible only on a terminal.
fn bar(total: u32, rate: Option<&Rate>) -> ProgressBar {
    let speed = rate.map_or_else(|| "{per_sec}".into(), |rate| format!("at most {}/s", rate.per_second));
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {{pos}} of {{len}}, {speed}, {{eta}} left"));
    ProgressBar::new(total.into()).with_style(style.expect("a constant template"))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (messages, listener) = (print::count(self.messages, "dead message"), self.listener);
        match self.done {
            Action::Counted => writeln!(f, "{listener}: {messages} would be redriven; nothing was done")?,
            Action::Redriven => writeln!(f, "{listener}: {messages} redriven")?,
            Action::Dropped => writeln!(f, "{listener}: {messages} dropped")?,
        }
        for id in &self.not_found {
            writeln!(f, "no dead message has the id {}", print::harmless(id))?;
        }
        if self.interrupted {
            writeln!(f, "interrupted: the other messages stay where they were")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_confirmation_lists_the_messages() {
        let asked = question("a.b", [Some("x"), None].into_iter(), &["z".into()]);
        assert_eq!(
            asked,
            "  x\n  without an id\nno dead message has the id z\nDrop 2 dead messages of a.b for good? [y/N] "
        );
        let many = vec![Some("x"); LISTED + 3];
        assert!(question("a.b", many.into_iter(), &[]).contains("  and 3 more\n"));
    }
}
