//! Writes reports: text for people, JSON for machines.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use crate::error::CliError;

/// Writes a report to standard output.
pub(crate) fn report(report: &(impl Serialize + Display), json: bool) -> Result<(), CliError> {
    let text = if json {
        serde_json::to_string(report).expect("reports are plain data")
    } else {
        report.to_string().trim_end().to_owned()
    };
    // Takes the colours out where there is no terminal, and where NO_COLOR is set.
    writeln!(anstream::stdout(), "{text}").map_err(|_| CliError::Unheard)
}

/// Writes something that is no report, as it is.
pub(crate) fn write(bytes: &[u8]) -> Result<bool, CliError> {
    let mut out = std::io::stdout();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|_| CliError::Unheard)?;
    Ok(true)
}

/// Foreign text, fit for a terminal: what could command it is escaped, and a long one is cut.
pub(crate) fn harmless(text: &str) -> String {
    const LONGEST: usize = 2_000;
    text.chars()
        .take(LONGEST)
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = (!character.is_control()).then_some(character);
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

/// "1 message", "2 messages".
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_command_a_terminal_is_escaped() {
        assert_eq!(harmless("Ščukina \u{1b}[2J\n"), "Ščukina \\u{1b}[2J\\n");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!((count(1, "message"), count(0, "message")), ("1 message".into(), "0 messages".into()));
    }
}
