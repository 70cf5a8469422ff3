//! Tables for terminals: columns fit their content, text aligns left, numbers align right.

use std::fmt;

use anstyle::{AnsiColor, Style};

const HEAD: Style = Style::new().bold();
const ALARM: Style = AnsiColor::Red.on_default().bold();

/// A cell.
#[derive(Default)]
pub(crate) struct Cell {
    text: String,
    number: bool,
    alarm: bool,
}

impl Cell {
    /// Text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number, or "–" if there is none.
    pub(crate) fn number(number: Option<impl fmt::Display>) -> Self {
        Self { text: number.map_or_else(|| "–".into(), |number| number.to_string()), number: true, alarm: false }
    }

    /// Highlights the cell if something is wrong.
    pub(crate) fn alarm_if(self, alarm: bool) -> Self {
        Self { alarm, ..self }
    }
}

/// Rows under a head.
pub(crate) struct Table<const COLUMNS: usize> {
    head: [&'static str; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(head: [&'static str; COLUMNS]) -> Self {
        Self { head, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: [Cell; COLUMNS]) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].text.chars().count());
        cells.chain([self.head[column].chars().count()]).max().unwrap_or_default()
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: [bool; COLUMNS] = std::array::from_fn(|column| self.rows.iter().all(|row| row[column].number));
        let mut line = |cells: [(&str, Style); COLUMNS]| {
            for (column, (text, style)) in cells.into_iter().enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                let padding = " ".repeat(self.width(column) - text.chars().count());
                let styled = format!("{style}{text}{style:#}");
                match (numbers[column], column + 1 == COLUMNS) {
                    (true, _) => write!(f, "{gap}{padding}{styled}")?,
                    (false, true) => write!(f, "{gap}{styled}")?,
                    (false, false) => write!(f, "{gap}{styled}{padding}")?,
                }
            }
            writeln!(f)
        };
        line(self.head.map(|name| (name, HEAD)))?;
        self.rows.iter().try_for_each(|row| {
            let style = |cell: &Cell| if cell.alarm { ALARM } else { Style::new() };
            line(std::array::from_fn(|column| (row[column].text.as_str(), style(&row[column]))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_content() {
        let mut table = Table::new(["NAME", "DEAD", "WHY"]);
        table.row([Cell::text("a.longer.name"), Cell::number(Some(12_345)), Cell::text("x")]);
        table.row([Cell::text("b"), Cell::number(None::<u32>), Cell::text("")]);
        let text = anstream::adapter::strip_str(&table.to_string()).to_string();
        assert_eq!(text, "NAME            DEAD  WHY\na.longer.name  12345  x\nb                  –  \n");
    }
}
