//! The state of the screen, and how keys change it; `screen` draws it.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::top::sections::{Section, Sort, detail, overview};
use crate::top::view::View;

/// The state of the screen.
#[derive(Debug)]
pub(super) struct App {
    pub(super) view: Option<View>,
    /// Why the broker cannot be used at the moment.
    pub(super) unavailable: Option<String>,
    pub(super) sort: Sort,
    /// The name of the selected row, which stays selected when rows change places.
    pub(super) selected: String,
    /// Whether the instances of that row are shown.
    pub(super) detailed: bool,
    /// How many lines of the details have been scrolled past.
    pub(super) scrolled: usize,
}

/// What follows a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    Quit,
}

impl App {
    pub(super) fn new() -> Self {
        Self {
            view: None,
            unavailable: None,
            sort: Sort::Name,
            selected: "gateway".into(),
            detailed: false,
            scrolled: 0,
        }
    }

    /// The tables that are on the screen.
    pub(super) fn sections(&self) -> Vec<Section> {
        match &self.view {
            None => Vec::new(),
            Some(view) if self.detailed => detail(view, &self.selected),
            Some(view) => overview(view, self.sort),
        }
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::Continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return Next::Quit,
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left if self.detailed => self.detailed = false,
            KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
            KeyCode::Enter | KeyCode::Right => (self.detailed, self.scrolled) = (true, 0),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::PageUp => self.step(-10),
            KeyCode::PageDown => self.step(10),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            KeyCode::Char('n') => self.sort = Sort::Name,
            KeyCode::Char('r') => self.sort = Sort::Rate,
            KeyCode::Char('l') => self.sort = Sort::Latency,
            KeyCode::Char('w') => self.sort = Sort::Waiting,
            KeyCode::Char('e') => self.sort = Sort::Errors,
            _ => {}
        }
        Next::Continue
    }

    /// Moves the selection, or scrolls the details.
    fn step(&mut self, by: isize) {
        let sections = self.sections();
        if self.detailed {
            let lines = sections.iter().map(|section| section.rows.len() + 1).sum::<usize>();
            self.scrolled = self.scrolled.saturating_add_signed(by).min(lines.saturating_sub(1));
            return;
        }
        let names: Vec<&String> = sections.iter().flat_map(|section| &section.rows).map(|row| &row.name).collect();
        let at = names.iter().position(|name| **name == self.selected).unwrap_or_default();
        let to = at.saturating_add_signed(by).min(names.len().saturating_sub(1));
        if let Some(name) = names.get(to) {
            self.selected.clone_from(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::Timestamp;
    use contracts::control::Stats;
    use uuid::Uuid;

    use super::*;
    use crate::top::history::{History, Snapshot};

    fn app() -> App {
        let mut history = History::default();
        let stats = |name: &str| Stats {
            name: name.into(),
            instance: Uuid::nil(),
            database: None,
            outbox: None,
            process: None,
            work: None,
        };
        history.push(Snapshot {
            at: Duration::ZERO,
            as_of: Timestamp(jiff::Timestamp::UNIX_EPOCH),
            stats: vec![stats("orders.get")],
            unresponsive: [("orders.get".to_owned(), 1)].into(),
            depths: [("users.login".to_owned(), amqp::Depth { exists: true, waiting: 7, consumers: 0 })].into(),
        });
        App { view: View::of(&history, &[]), ..App::new() }
    }

    fn press(app: &mut App, code: KeyCode) -> Next {
        app.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn lines(app: &App) -> Vec<String> {
        let line = |section: &Section, row| section.pieces(row).map(|(text, _)| text).collect();
        app.sections().iter().flat_map(|it| it.rows.iter().map(|row| line(it, row)).collect::<Vec<String>>()).collect()
    }

    #[test]
    fn a_row_stays_selected_when_rows_change_places() {
        let mut app = app();
        press(&mut app, KeyCode::Down);
        assert_eq!(app.selected, "orders.create");
        press(&mut app, KeyCode::Char('w'));
        assert_eq!(app.selected, "orders.create");
        press(&mut app, KeyCode::Home);
        press(&mut app, KeyCode::Down);
        assert_eq!(app.selected, "users.login", "the longest queue is first");
        press(&mut app, KeyCode::End);
        assert_eq!(app.selected, "orders.relay");
        press(&mut app, KeyCode::PageDown);
        assert_eq!(app.selected, "orders.relay");
    }

    #[test]
    fn details_open_and_close_and_only_then_escape_quits() {
        let mut app = app();
        while app.selected != "orders.get" {
            press(&mut app, KeyCode::Char('j'));
        }
        press(&mut app, KeyCode::Enter);
        assert!(lines(&app).iter().any(|line| line.contains(&Uuid::nil().to_string())), "{:?}", lines(&app));
        assert_eq!(press(&mut app, KeyCode::Esc), Next::Continue);
        assert!(lines(&app).iter().any(|line| line.contains("orders.get") && line.contains("1+1?")));
        assert_eq!(press(&mut app, KeyCode::Esc), Next::Quit);
    }

    #[test]
    fn q_escape_and_ctrl_c_quit_even_before_the_first_answer() {
        for (code, modifiers) in [
            (KeyCode::Char('q'), KeyModifiers::NONE),
            (KeyCode::Esc, KeyModifiers::NONE),
            (KeyCode::Char('c'), KeyModifiers::CONTROL),
        ] {
            assert_eq!(App::new().press(KeyEvent::new(code, modifiers)), Next::Quit, "{code:?}");
        }
        let mut empty = App::new();
        for code in [KeyCode::Down, KeyCode::Enter, KeyCode::Down, KeyCode::End, KeyCode::Char('c')] {
            assert_eq!(press(&mut empty, code), Next::Continue);
        }
    }
}
