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
    // Strips colours unless this is a terminal and NO_COLOR is unset.
    writeln!(anstream::stdout(), "{text}").map_err(|_| CliError::BrokenPipe)
}

/// Writes bytes unchanged.
pub(crate) fn write(bytes: &[u8]) -> Result<bool, CliError> {
    let mut out = std::io::stdout();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|_| CliError::BrokenPipe)?;
    Ok(true)
}

/// Makes untrusted text safe for a terminal: escapes control characters, and cuts long text.
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
    fn control_characters_are_escaped() {
        assert_eq!(harmless("Ščukina \u{1b}[2J\n"), "Ščukina \\u{1b}[2J\\n");
    }

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!((count(1, "message"), count(0, "message")), ("1 message".into(), "0 messages".into()));
    }
}
