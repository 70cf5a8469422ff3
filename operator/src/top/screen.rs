//! Draws the state of the screen. Restores the terminal however the program ends.

use std::io;

use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ratatui::{DefaultTerminal, Frame};

use crate::top::app::App;
use crate::top::sections::{Row, Section, Sort};

const HELP: &str = "↑↓ select  ⏎ instances  sort: n name r rate l latency w waiting e errors  q quit";
const HELP_OF_DETAILS: &str = "↑↓ scroll  Esc back  q quit";

/// The terminal while it is in raw mode. Dropping restores it; so does a panic, before its message is written.
pub(super) struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Switches the terminal to raw mode and the alternate screen.
    pub(super) fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        Ok(Self { terminal })
    }

    /// Draws. Only what has changed is written.
    pub(super) fn draw(&mut self, app: &App) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame, app)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn draw(frame: &mut Frame<'_>, app: &App) {
    let [title, body, help] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(title_of(app)), title);
    let (lines, selected) = lines(app);
    let height = usize::from(body.height);
    // Scrolls as little as needed to show the selected row.
    let above = if app.detailed { app.scrolled } else { (selected + 1).saturating_sub(height) };
    let visible: Vec<Line<'_>> = lines.into_iter().skip(above).take(height).collect();
    frame.render_widget(Paragraph::new(visible), body);
    let keys = if app.detailed { HELP_OF_DETAILS } else { HELP };
    frame.render_widget(Paragraph::new(Line::styled(keys, Modifier::DIM)), help);
}

fn title_of(app: &App) -> Line<'static> {
    if let Some(why) = &app.unavailable {
        // One line is enough; the rest is advice.
        let why = why.lines().next().unwrap_or_default();
        return Line::styled(format!("broker unavailable, reconnecting: {why}"), alarm());
    }
    let Some(view) = &app.view else { return Line::raw("signalbox top: waiting for responses…") };
    let silent: u32 = view.processes().map(|(_, processes)| processes.unresponsive).sum();
    let sorted = match app.sort {
        Sort::Name => "name",
        Sort::Rate => "rate",
        Sort::Latency => "latency",
        Sort::Waiting => "waiting",
        Sort::Errors => "errors",
    };
    let what = if app.detailed { app.selected.clone() } else { format!("by {sorted}") };
    let mut spans =
        vec![Span::styled("signalbox top", Modifier::BOLD), Span::raw(format!("  {} UTC  {what}", view.time()))];
    if silent > 0 {
        spans.push(Span::styled(format!("  {silent} unresponsive"), alarm()));
    }
    Line::from(spans)
}

/// All lines of the body, and the number of the selected one.
fn lines(app: &App) -> (Vec<Line<'static>>, usize) {
    let (mut lines, mut selected) = (Vec::new(), 0);
    for section in app.sections() {
        lines.push(Line::styled(section.head(), Modifier::BOLD));
        for row in &section.rows {
            let chosen = !app.detailed && row.name == app.selected;
            if chosen {
                selected = lines.len();
            }
            lines.push(line(&section, row, chosen));
        }
    }
    (lines, selected)
}

fn line(section: &Section, row: &Row, chosen: bool) -> Line<'static> {
    let spans =
        section.pieces(row).map(|(text, is_alarm)| Span::styled(text, if is_alarm { alarm() } else { Style::new() }));
    let line = Line::from(spans.collect::<Vec<_>>());
    if chosen { line.patch_style(Modifier::REVERSED) } else { line }
}

/// crossterm leaves out the colour if `NO_COLOR` is set.
fn alarm() -> Style {
    Style::new().add_modifier(Modifier::BOLD).fg(Color::Red)
}
