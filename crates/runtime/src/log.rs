//! Opens the log on standard output, one event per line: JSON, or text on a terminal. It can be written to a file as JSON
//! as well. Panics go to standard error. None of this ever blocks the process (see `lines.rs`).

use std::io::IsTerminal;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, reload};

use crate::lines::{self, Lines};
use crate::log_level;
use crate::section::{Problem, Section, SettingError};

/// Settings of the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// `auto` (by whether standard output is a terminal), `json` or `text`.
    format: LogFormat,
    /// What is logged: a level, or directives such as `info,gateway=debug`.
    filter: String,
    /// A file that the log is also written to, always as JSON. It is rotated at 20 MiB; two older files are kept.
    json_file: String,
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
        Self { format: LogFormat::Auto, filter: "info".into(), json_file: String::new() }
    }
}

impl Section for LogSettings {
    const NAME: &'static str = "log";

    fn check(&self) -> Vec<Problem> {
        filter(self).err().into_iter().chain(self.unfit_file()).collect()
    }
}

impl LogSettings {
    /// Opening a named pipe would block until somebody reads it, so only regular files are accepted.
    fn unfit_file(&self) -> Option<Problem> {
        let path = Path::new(&self.json_file);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_fit = self.json_file.is_empty() || (folder.is_dir() && (path.is_file() || !path.exists()));
        (!is_fit).then(|| ("json_file", "must name a file, in a directory that exists".into()))
    }
}

fn filter(settings: &LogSettings) -> Result<EnvFilter, Problem> {
    let invalid = |_| ("filter", "must be a level or directives, such as info,gateway=debug".into());
    Ok(without_lapin(EnvFilter::try_new(&settings.filter).map_err(invalid)?))
}

/// lapin logs whole messages, which may contain passwords. Its callers log its errors.
fn without_lapin(filter: EnvFilter) -> EnvFilter {
    filter.add_directive("lapin=off".parse().expect("a constant directive"))
}

/// Opens the log of this process.
pub fn open(settings: &LogSettings) -> Result<(), SettingError> {
    let filter = filter(settings).map_err(|(key, problem)| SettingError::new::<LogSettings>(key, problem))?;
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    };
    let unopened = |key, error| SettingError::of("log", key, format!("cannot be opened: {error}"));
    let lines = Lines::to_stdout().map_err(|error| unopened("format", error))?;
    let file = match settings.json_file.as_str() {
        "" => None,
        path => Some(Lines::to_file(Path::new(path)).map_err(|error| unopened("json_file", error))?),
    };
    lines::report_panics();
    let stdout = if json { as_json(lines) } else { as_text(lines) };
    let (filter, handle) = reload::Layer::new(filter);
    make_changeable(settings, handle);
    tracing_subscriber::registry().with(filter).with(stdout).with(file.map(as_json)).init();
    Ok(())
}

fn as_json<S: Subscriber + for<'a> LookupSpan<'a>>(lines: Lines) -> Box<dyn Layer<S> + Send + Sync> {
    let layer = fmt::layer().with_target(false).log_internal_errors(false).json();
    layer.flatten_event(true).with_current_span(false).with_span_list(false).with_writer(lines).boxed()
}

fn as_text<S: Subscriber + for<'a> LookupSpan<'a>>(lines: Lines) -> Box<dyn Layer<S> + Send + Sync> {
    let layer = fmt::layer().with_target(false).log_internal_errors(false);
    layer.with_ansi(std::io::stdout().is_terminal()).with_writer(lines).boxed()
}

/// Makes the level changeable while the process runs.
fn make_changeable<S: 'static>(settings: &LogSettings, handle: reload::Handle<EnvFilter, S>) {
    let set = move |directives: &str| {
        EnvFilter::try_new(directives).is_ok_and(|filter| handle.reload(without_lapin(filter)).is_ok())
    };
    log_level::register(settings.filter.clone(), set);
}
