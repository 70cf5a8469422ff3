//! `signalbox top`: the live system on a terminal, refreshed each second; or once, as a table or as JSON.
//!
//! `feed` takes snapshots, `history` and `flow` compute rates, `view` makes rows, `sections` makes tables, `app` handles keys,
//! `screen` draws.

mod app;
mod feed;
mod flow;
mod history;
mod screen;
mod sections;
mod view;

use std::io::{IsTerminal, stdin, stdout};
use std::time::Duration;

use amqp::{Error, Monitor};
use crossterm::event::{self, Event};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::error::CliError;
use crate::print;
use crate::tool::Tool;
use crate::top::app::{App, Next};
use crate::top::feed::{INTERVAL, Update};
use crate::top::history::History;
use crate::top::screen::Screen;
use crate::top::view::View;

/// How long closing the connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Shows the live system until the user quits. With `--once` or `--json`, prints it and ends.
pub(crate) async fn top(tool: &Tool, once: bool) -> Result<bool, CliError> {
    if once || tool.json {
        return print_once(tool).await;
    }
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(CliError::Usage("standard input and output must be a terminal; use --once or --json".into()));
    }
    let stop = Tool::stop()?;
    let mut screen = Screen::open().map_err(|_| CliError::BrokenPipe)?;
    let queues = view::queues(&tool.delays_ms);
    let (sender, mut updates) = mpsc::channel(1);
    let watching = feed::watch(&tool.broker, &queues, sender);
    tokio::pin!(watching);
    let mut events = events();
    let (mut app, mut history) = (App::new(), History::default());
    loop {
        screen.draw(&app).map_err(|_| CliError::BrokenPipe)?;
        tokio::select! {
            () = stop.requested() => break,
            // Ends only when the receiver closes.
            () = &mut watching => return Ok(true),
            event = events.recv() => match event {
                Some(Event::Key(key)) if app.press(key) == Next::Quit => break,
                Some(_) => {}
                // The terminal is gone.
                None => break,
            },
            Some(update) = updates.recv() => match update {
                Update::Snapshot(snapshot) => {
                    history.push(*snapshot);
                    (app.view, app.unavailable) = (View::of(&history, &tool.delays_ms), None);
                }
                Update::Unavailable(error) => app.unavailable = Some(sentence(tool, &error)),
            },
        }
    }
    drop(screen);
    // Closes the connection properly; otherwise the broker logs a warning.
    updates.close();
    let _ = timeout(CLOSE_TIMEOUT, watching).await;
    Ok(true)
}

/// Keys, and changes of the terminal's size. The thread ends with the process.
fn events() -> mpsc::Receiver<Event> {
    let (sender, events) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                break;
            }
        }
    });
    events
}

fn sentence(tool: &Tool, error: &Error) -> String {
    match tool.broke("cannot use the broker", error) {
        CliError::Denied(sentence) | CliError::Unavailable(sentence) => sentence,
        _ => error.to_string(),
    }
}

async fn print_once(tool: &Tool) -> Result<bool, CliError> {
    let history = two_snapshots(tool).await.map_err(|error| tool.broke("cannot request the status", &error))?;
    if let Some(view) = View::of(&history, &tool.delays_ms) {
        print::report(&view, tool.json)?;
    }
    Ok(true)
}

/// Rates need two snapshots.
async fn two_snapshots(tool: &Tool) -> Result<History, Error> {
    let (queues, began) = (view::queues(&tool.delays_ms), Instant::now());
    let mut monitor = Monitor::open(&tool.broker).await?;
    let mut history = History::default();
    history.push(feed::take_snapshot(&mut monitor, &queues, began).await?);
    sleep(INTERVAL).await;
    history.push(feed::take_snapshot(&mut monitor, &queues, began).await?);
    monitor.close().await;
    Ok(history)
}
