//! `signalbox dead redrive` and `signalbox dead drop`: what becomes of dead messages.

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

/// How long the question waits for its answer: meanwhile nobody else sees the messages.
const PATIENCE: Duration = Duration::from_mins(5);
/// How many ids the question names.
const NAMED: usize = 20;

/// What is done to each message that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    /// Nothing; it is only counted.
    Counted,
    Redriven,
    Dropped,
}

/// What was done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    listener: &'static str,
    done: Action,
    messages: usize,
    /// Ids that no dead message has.
    not_found: Vec<String>,
    /// Whether it was told to stop before it was through.
    interrupted: bool,
    /// Whether it was asked about, and not wanted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    declined: bool,
    #[serde(skip)]
    broke: Option<amqp::Error>,
}

impl Outcome {
    /// Shows it; whether all of it was done.
    fn shown(self, tool: &Tool) -> Result<bool, CliError> {
        print::report(&self, tool.json)?;
        match self.broke {
            Some(error) => Err(tool.broke("gave up before the end", &error)),
            None => Ok(!self.interrupted && !self.declined && self.not_found.is_empty()),
        }
    }
}

/// Gives dead messages back to their listener.
pub(crate) async fn redrive(
    tool: &Tool,
    listener: SubscriptionInfo,
    which: &Which,
    rate: Option<u32>,
    dry_run: bool,
) -> Result<bool, CliError> {
    let deed = if dry_run { Action::Counted } else { Action::Redriven };
    let pass = Pass { listener, deed, which, rate: rate.map(Rate::new), asks: false, stop: Tool::stop()? };
    pass.run(tool).await
}

/// Removes dead messages for good, if that is really wanted.
pub(crate) async fn drop(tool: &Tool, listener: SubscriptionInfo, which: &Which, yes: bool) -> Result<bool, CliError> {
    if !yes && !stdin().is_terminal() {
        return Err(CliError::Usage("nobody is there to be asked: say --yes to drop messages for good".into()));
    }
    let pass = Pass { listener, deed: Action::Dropped, which, rate: None, asks: !yes, stop: Tool::stop()? };
    pass.run(tool).await
}

/// So many each second at most.
struct Rate {
    per_second: u32,
    beat: Interval,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let mut beat = interval(Duration::from_secs(1) / per_second);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { per_second, beat }
    }
}

/// One walk through the dead messages that are there when it begins: one that is buried again meanwhile is not met twice.
struct Pass<'a> {
    listener: SubscriptionInfo,
    deed: Action,
    which: &'a Which,
    rate: Option<Rate>,
    /// First finds all that were chosen, and holds them; then asks; then does it to exactly those.
    asks: bool,
    stop: Shutdown,
}

impl Pass<'_> {
    async fn run(mut self, tool: &Tool) -> Result<bool, CliError> {
        let operator = tool.operator().await?;
        let done = self.all(&operator).await;
        operator.close().await;
        done.map_err(|error| tool.broke("cannot go through the dead messages", &error))?.shown(tool)
    }

    async fn all(&mut self, operator: &Operator) -> Result<Outcome, amqp::Error> {
        let total = operator.depth(&dead_queue(self.listener.name)).await?.unwrap_or_default().waiting;
        let mut done = Outcome {
            listener: self.listener.name,
            done: self.deed,
            messages: 0,
            not_found: self.which.ids.clone(),
            interrupted: false,
            declined: false,
            broke: None,
        };
        if total == 0 {
            return Ok(done);
        }
        let graveyard = operator.graveyard(self.listener.name).await?;
        // Whatever breaks, what was done before is told.
        done.broke = self.walk(total, &graveyard, &mut done).await.err();
        if done.interrupted || done.broke.is_some() {
            // Those it did not come to may be there.
            done.not_found.clear();
        }
        let closed = graveyard.close().await;
        done.broke = done.broke.or(closed.err());
        Ok(done)
    }

    async fn walk(&mut self, total: u32, graveyard: &DeadLetters, done: &mut Outcome) -> Result<(), amqp::Error> {
        let most = self.which.limit.unwrap_or(total).min(total);
        let bar = bar(if self.which.ids.is_empty() { most } else { total }, self.rate.as_ref());
        let mut held: Vec<(Option<String>, Held)> = Vec::new();
        let (mut met, mut chosen) = (0, 0);
        while met < total && chosen < most {
            if self.stop.is_requested() {
                done.interrupted = true;
                break;
            }
            let Some(found) = graveyard.next().await? else { break };
            met += 1;
            if self.is_chosen(&found, &mut done.not_found) {
                if !self.may_go_on().await {
                    done.interrupted = true;
                    break;
                }
                chosen += 1;
                if self.asks {
                    held.push((found.id().map(Into::into), found.held()));
                } else {
                    self.settle(graveyard, &found).await?;
                    done.messages += 1;
                }
            }
            bar.set_position(if self.which.ids.is_empty() { chosen } else { met }.into());
        }
        bar.finish_and_clear();
        if self.asks && !done.interrupted && !held.is_empty() {
            self.ask_and_drop(graveyard, &held, done).await?;
        }
        Ok(())
    }

    async fn settle(&self, graveyard: &DeadLetters, found: &BrowsedMessage) -> Result<(), amqp::Error> {
        match self.deed {
            Action::Counted => Ok(()),
            Action::Redriven => graveyard.redrive(found).await,
            Action::Dropped => graveyard.remove(&found.held()).await,
        }
    }

    async fn ask_and_drop(
        &self,
        graveyard: &DeadLetters,
        held: &[(Option<String>, Held)],
        done: &mut Outcome,
    ) -> Result<(), amqp::Error> {
        let ids = held.iter().map(|(id, _)| id.as_deref());
        done.declined = !self.wants(ids, &done.not_found).await;
        if done.declined {
            return Ok(());
        }
        for (_, held) in held {
            graveyard.remove(held).await?;
            done.messages += 1;
        }
        Ok(())
    }

    /// Asks the person at the terminal. No answer in time, an end of the input and a stop are a no.
    async fn wants<'i>(&self, ids: impl ExactSizeIterator<Item = Option<&'i str>>, not_found: &[String]) -> bool {
        let question = question(self.listener.name, ids, not_found);
        let _ = write!(std::io::stderr(), "{question}");
        let _ = std::io::stderr().flush();
        let (tell, told) = oneshot::channel();
        // Not a task: reading cannot be given up, and the process would wait for it.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = stdin().read_line(&mut answer);
            let _ = tell.send(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"));
        });
        tokio::select! {
            answer = timeout(PATIENCE, told) => matches!(answer, Ok(Ok(true))),
            () = self.stop.requested() => false,
        }
    }

    fn is_chosen(&self, found: &BrowsedMessage, not_found: &mut Vec<String>) -> bool {
        if self.which.ids.is_empty() {
            return true;
        }
        let Some(id) = found.id() else { return false };
        let is_it = |wanted: &String| wanted.eq_ignore_ascii_case(id);
        not_found.retain(|wanted| !is_it(wanted));
        self.which.ids.iter().any(is_it)
    }

    /// Waits until the rate allows one more; false when it was told to stop meanwhile.
    async fn may_go_on(&mut self) -> bool {
        let Some(rate) = &mut self.rate else { return true };
        tokio::select! {
            biased;
            () = self.stop.requested() => false,
            _ = rate.beat.tick() => true,
        }
    }
}

fn question<'i>(listener: &str, ids: impl ExactSizeIterator<Item = Option<&'i str>>, not_found: &[String]) -> String {
    let total = ids.len();
    let mut lines: Vec<String> = ids.take(NAMED).map(|id| id.map_or("without an id".into(), print::harmless)).collect();
    if total > NAMED {
        lines.push(format!("and {} more", total - NAMED));
    }
    let missed = not_found.iter().map(|id| format!("no dead message has the id {}\n", print::harmless(id)));
    let missed: String = missed.collect();
    let messages = print::count(total, "dead message");
    format!("  {}\n{missed}Drop {messages} of {listener} for good? [y/N] ", lines.join("\n  "))
}

/// LiveEvent on a terminal only.
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
            writeln!(f, "stopped before the end; the others are where they were")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_what_would_go() {
        let asked = question("a.b", [Some("x"), None].into_iter(), &["z".into()]);
        assert_eq!(
            asked,
            "  x\n  without an id\nno dead message has the id z\nDrop 2 dead messages of a.b for good? [y/N] "
        );
        let many = vec![Some("x"); NAMED + 3];
        assert!(question("a.b", many.into_iter(), &[]).contains("  and 3 more\n"));
    }
}
