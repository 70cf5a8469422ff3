//! `bus dead redrive` and `bus dead drop`: what becomes of dead messages.

use std::fmt;
use std::io::{IsTerminal, Write, stdin};
use std::num::NonZeroU32;
use std::time::Duration;

use bus::topology::dead_queue;
use bus::{Found, Graveyard, Operator};
use contracts::Subscription;
use indicatif::{ProgressBar, ProgressStyle};
use process::{StartError, Stop};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::args::Which;
use crate::print;
use crate::tool::{Tool, Trouble};

/// What is done to each message that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Deed {
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
    done: Deed,
    messages: usize,
    /// Ids that no dead message has.
    not_found: Vec<String>,
    /// Whether it was told to stop before it was through.
    interrupted: bool,
    /// Ids of the messages.
    #[serde(skip)]
    ids: Vec<String>,
    #[serde(skip)]
    broke: Option<bus::Error>,
}

impl Outcome {
    /// Shows it; whether all of it was done.
    fn shown(self, tool: &Tool) -> Result<bool, Trouble> {
        print::report(&self, tool.json)?;
        match self.broke {
            Some(error) => Err(StartError::failed("gave up before the end", error).into()),
            None => Ok(!self.interrupted && self.not_found.is_empty()),
        }
    }
}

/// Gives dead messages back to their listener.
pub(crate) async fn redrive(
    tool: &Tool,
    listener: Subscription,
    which: &Which,
    rate: Option<NonZeroU32>,
    dry_run: bool,
) -> Result<bool, Trouble> {
    let deed = if dry_run { Deed::Counted } else { Deed::Redriven };
    let (operator, stop) = (tool.operator().await?, Tool::stop()?);
    let mut pass = Pass { listener, deed, which, rate: rate.map(beat), stop };
    let done = pass.run(&operator).await?;
    operator.close().await;
    done.shown(tool)
}

/// Removes dead messages for good, if that is really wanted.
pub(crate) async fn drop(tool: &Tool, listener: Subscription, which: &Which, yes: bool) -> Result<bool, Trouble> {
    if !yes && !stdin().is_terminal() {
        return Err(Trouble::Usage("nobody is there to be asked: say --yes to drop messages for good".into()));
    }
    let (operator, stop) = (tool.operator().await?, Tool::stop()?);
    let mut pass = Pass { listener, deed: Deed::Counted, which, rate: None, stop };
    if yes {
        pass.deed = Deed::Dropped;
        let done = pass.run(&operator).await?;
        operator.close().await;
        return done.shown(tool);
    }
    let counted = pass.run(&operator).await?;
    let sure = counted.messages > 0 && !counted.interrupted && ask(&counted)?;
    let done = if sure {
        // Exactly those that were asked about.
        let which = Which { ids: counted.ids, limit: None };
        let mut pass = Pass { deed: Deed::Dropped, which: &which, ..pass };
        pass.run(&operator).await?
    } else {
        Outcome { done: Deed::Dropped, messages: 0, ..counted }
    };
    operator.close().await;
    done.shown(tool)
}

#[expect(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn ask(counted: &Outcome) -> Result<bool, Trouble> {
    let messages = print::count(counted.messages, "dead message");
    eprint!("Drop {messages} of {} for good? [y/N] ", counted.listener);
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(|error| StartError::failed("cannot read the answer", error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn beat(per_second: NonZeroU32) -> Interval {
    let mut beat = interval(Duration::from_secs(1) / per_second.get());
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// One walk through the dead messages that are there when it begins: one that is buried again meanwhile is not met twice.
struct Pass<'a> {
    listener: Subscription,
    deed: Deed,
    which: &'a Which,
    rate: Option<Interval>,
    stop: Stop,
}

impl Pass<'_> {
    async fn run(&mut self, operator: &Operator) -> Result<Outcome, bus::Error> {
        let total = operator.depth(&dead_queue(self.listener.name)).await?.unwrap_or_default().waiting;
        let not_found = self.which.ids.clone();
        let mut done = Outcome {
            listener: self.listener.name,
            done: self.deed,
            messages: 0,
            not_found,
            interrupted: false,
            ids: Vec::new(),
            broke: None,
        };
        if total == 0 {
            return Ok(done);
        }
        let graveyard = operator.graveyard(self.listener.name).await?;
        let bar = bar(total);
        // Whatever breaks, what was done before is told.
        done.broke = self.walk(total, &graveyard, &bar, &mut done).await.err();
        bar.finish_and_clear();
        let closed = graveyard.close().await;
        done.broke = done.broke.or(closed.err());
        Ok(done)
    }

    async fn walk(
        &mut self,
        total: u32,
        graveyard: &Graveyard,
        bar: &ProgressBar,
        done: &mut Outcome,
    ) -> Result<(), bus::Error> {
        let most = usize::try_from(self.which.limit.map_or(total, NonZeroU32::get)).unwrap_or(usize::MAX);
        for _ in 0..total {
            if done.messages == most {
                break;
            }
            if self.stop.is_asked() {
                done.interrupted = true;
                break;
            }
            let Some(found) = graveyard.next().await? else { break };
            bar.inc(1);
            if !self.is_chosen(&found, &mut done.not_found) {
                continue;
            }
            if !self.may_go_on().await {
                done.interrupted = true;
                break;
            }
            match self.deed {
                Deed::Counted => {}
                Deed::Redriven => graveyard.redrive(&found).await?,
                Deed::Dropped => graveyard.remove(&found).await?,
            }
            done.messages += 1;
            done.ids.push(found.id().unwrap_or_default().into());
        }
        Ok(())
    }

    fn is_chosen(&self, found: &Found, not_found: &mut Vec<String>) -> bool {
        let id = found.id().unwrap_or_default();
        let is_it = |wanted: &String| wanted.eq_ignore_ascii_case(id);
        not_found.retain(|wanted| !is_it(wanted));
        self.which.ids.is_empty() || self.which.ids.iter().any(is_it)
    }

    /// Waits until the rate allows one more; false when it was told to stop meanwhile.
    async fn may_go_on(&mut self) -> bool {
        let Some(rate) = &mut self.rate else { return true };
        tokio::select! {
            biased;
            () = self.stop.asked() => false,
            _ = rate.tick() => true,
        }
    }
}

/// Shown on a terminal only.
fn bar(total: u32) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len}, {per_sec}, {eta} left");
    ProgressBar::new(total.into()).with_style(style.expect("a constant template"))
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (messages, listener) = (print::count(self.messages, "dead message"), self.listener);
        match self.done {
            Deed::Counted => writeln!(f, "{listener}: {messages} would be redriven; nothing was done")?,
            Deed::Redriven => writeln!(f, "{listener}: {messages} redriven")?,
            Deed::Dropped => writeln!(f, "{listener}: {messages} dropped")?,
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
