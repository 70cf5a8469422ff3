//! Opens the log on standard output, one event per line: JSON, or text on a terminal. Panics go to standard error. Neither
//! ever blocks the process (see `lines.rs`).

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::lines::{self, Lines};
use crate::section::{Problem, Section, SettingError};

/// Settings of the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// `auto` (by whether standard output is a terminal), `json` or `text`.
    format: LogFormat,
    /// What is logged: a level, or directives such as `info,gateway=debug`.
    filter: String,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum LogFormat {
    Auto,
    Json,
    Text,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Auto, filter: "info".into() }
    }
}

impl Section for LogSettings {
    const NAME: &'static str = "log";

    fn check(&self) -> Vec<Problem> {
        filter(self).err().into_iter().collect()
    }
}

fn filter(settings: &LogSettings) -> Result<EnvFilter, Problem> {
    let invalid = |_| ("filter", "must be a level or directives, such as info,gateway=debug".into());
    let filter = EnvFilter::try_new(&settings.filter).map_err(invalid)?;
    // lapin logs whole messages, which may contain passwords. Its callers log its errors.
    Ok(filter.add_directive("lapin=off".parse().expect("a constant directive")))
}

/// Opens the log of this process.
pub fn open(settings: &LogSettings) -> Result<(), SettingError> {
    let filter = filter(settings).map_err(|(key, problem)| SettingError::new::<LogSettings>(key, problem))?;
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    };
    let lines =
        Lines::start().map_err(|error| SettingError::of("log", "format", format!("cannot be opened: {error}")))?;
    lines::report_panics();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).log_internal_errors(false);
    if json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).with_writer(lines).init();
    } else {
        log.with_ansi(std::io::stdout().is_terminal()).with_writer(lines).init();
    }
    Ok(())
}
