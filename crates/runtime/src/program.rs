//! The command line of every server program: help, version, and a check of the settings. Any other argument is an error, so
//! that a mistyped one never starts a server.

use std::ffi::OsString;

use crate::exit::{EX_USAGE, StartError};
use crate::log;
use crate::settings::{Only, Settings, nearest};

/// The release and the revision that this program was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_REVISION"), ")");

/// A program, as its help describes it.
pub struct Program<'a> {
    /// Its name on the command line.
    pub name: &'a str,
    /// What it does: the first sentence of its help.
    pub about: &'a str,
    /// The prefixes of the settings that it reads, such as `AMQP_`.
    pub settings: &'a [&'a str],
}

/// What the command line requests.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Run,
    CheckConfig,
    ListSettings,
    Help,
    Version,
}

impl Program<'_> {
    /// Reads the command line, finds the settings, and opens the log.
    pub fn start(&self) -> Result<Settings, StartError> {
        let only = match self.parse(std::env::args_os().skip(1))? {
            Request::Run => None,
            Request::CheckConfig => Some(Only::Check),
            Request::ListSettings => Some(Only::List),
            Request::Help => return Err(StartError::Answered(self.help())),
            Request::Version => return Err(StartError::Answered(format!("{} {VERSION}", self.name))),
        };
        let mut settings = Settings::from_environment()?;
        settings.set_only(only);
        let section = settings.section()?;
        if only.is_none() {
            log::open(&section)?;
        }
        Ok(settings)
    }

    fn parse(&self, mut arguments: impl Iterator<Item = OsString>) -> Result<Request, StartError> {
        let Some(first) = arguments.next() else { return Ok(Request::Run) };
        let request = match first.to_str() {
            Some("-h" | "--help") => Request::Help,
            Some("-V" | "--version") => Request::Version,
            Some("--check-config") => Request::CheckConfig,
            Some("--list-settings") => Request::ListSettings,
            _ => return Err(self.unexpected(&first)),
        };
        match arguments.next() {
            None => Ok(request),
            Some(more) => Err(self.unexpected(&more)),
        }
    }

    fn unexpected(&self, argument: &OsString) -> StartError {
        let name = self.name;
        // Escaped as in a string literal: it may contain terminal control sequences.
        let argument: String = argument.to_string_lossy().chars().take(100).flat_map(char::escape_debug).collect();
        let hint = nearest(&argument, &["--check-config", "--list-settings", "--help", "--version"]);
        let hint = hint.map_or_else(String::new, |near| format!("did you mean {near}? "));
        StartError::Usage(format!("unexpected argument '{argument}'; {hint}see {name} --help"))
    }

    fn help(&self) -> String {
        let Self { name, about, settings } = self;
        let about = wrapped(about);
        let settings = settings.iter().map(|section| format!("{section}…")).collect::<Vec<_>>().join(" ");
        format!(
            "{about}

Usage: {name} [OPTION]

Options:
      --check-config  Read and check all settings and the files they name, and
                      report every problem; connect to nothing
      --list-settings Do the same, and print each setting with its default
  -h, --help          Print this help
  -V, --version       Print the version

Settings are environment variables, or keys of the TOML file that CONFIG_FILE
names (GATEWAY_LISTEN is `listen` in the table `[gateway]`):
  {settings}
docs/configuration.md describes each, with its default.

Examples:
  {name} --check-config && echo fine
  CONFIG_FILE=/etc/services.toml {name}

Exit codes:
  0   a graceful shutdown, or the settings are fine
  {EX_USAGE}  an argument or a setting is wrong
  1   any other failure: a restart may help"
        )
    }
}

/// Wraps a sentence to the width of a terminal.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 80;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.into());
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Program<'_> = Program { name: "server", about: "Opens.", settings: &["SERVER_"] };

    fn parse(arguments: &[&str]) -> Result<Request, String> {
        PROGRAM.parse(arguments.iter().map(Into::into)).map_err(|error| error.to_string())
    }

    #[test]
    fn unknown_arguments_are_rejected() {
        assert_eq!(parse(&[]), Ok(Request::Run));
        assert_eq!(parse(&["--check-config"]), Ok(Request::CheckConfig));
        assert_eq!([parse(&["-h"]), parse(&["--version"])], [Ok(Request::Help), Ok(Request::Version)]);
        for unknown in [&["--port"][..], &[""], &["serve"], &["--version", "x"], &["--check-config=1"], &["-hV"]] {
            let error = parse(unknown).unwrap_err();
            assert!(error.contains("unexpected argument") && error.contains("--help"), "{unknown:?}: {error}");
        }
        let near = "unexpected argument '--verison'; did you mean --version? see server --help";
        assert_eq!(parse(&["--verison"]), Err(near.into()));
        assert!(!parse(&["\u{1b}[2J"]).unwrap_err().contains('\u{1b}'));
    }

    #[test]
    fn the_help_fits_a_terminal() {
        let program = Program { about: &"a sentence ".repeat(30), ..PROGRAM };
        assert!(program.help().lines().all(|line| line.chars().count() <= 80));
    }
}
