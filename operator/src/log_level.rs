//! `signalbox log-level`: changes the log level of the processes of a name for a limited time.

use std::fmt;

use amqp::change_log_level;
use contracts::control::{LogLevelChange, LogLevelRequest};
use serde::Serialize;
use uuid::Uuid;

use crate::error::CliError;
use crate::print::{self, harmless};
use crate::table::{Cell, Table};
use crate::tool::Tool;

#[derive(Serialize)]
struct Report {
    name: &'static str,
    level: &'static str,
    changed: Vec<LogLevelChange>,
    /// Why others refused.
    refused: Vec<String>,
    /// How many are connected and did not answer.
    silent: u32,
}

/// Changes the level and prints which processes did. Fails unless all that are connected did.
pub(crate) async fn change(
    tool: &Tool,
    name: &'static str,
    instance: Option<Uuid>,
    request: LogLevelRequest,
) -> Result<bool, CliError> {
    let changed = change_log_level(&tool.broker, name, instance, &request).await;
    let outcome = changed.map_err(|error| tool.broke("cannot change the log level", &error))?;
    let report = Report {
        name,
        level: request.level.as_str(),
        changed: outcome.changed,
        refused: outcome.refused.into_iter().map(|fault| fault.message).collect(),
        silent: outcome.silent,
    };
    print::report(&report, tool.json)?;
    Ok(!report.changed.is_empty() && report.refused.is_empty() && report.silent == 0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, level, changed, refused, silent } = self;
        if changed.is_empty() && refused.is_empty() && *silent == 0 {
            return writeln!(f, "{name}: no process with this name is connected to the broker");
        }
        if !changed.is_empty() {
            let mut table = Table::new(["NAME", "HOST", "PID", "LEVEL", "UNTIL"]);
            for LogLevelChange { process, until, .. } in changed {
                table.row([
                    Cell::text(harmless(&process.name)),
                    Cell::text(harmless(&process.host)),
                    Cell::number(Some(process.pid)),
                    Cell::text(*level),
                    Cell::text(until.to_string()),
                ]);
            }
            write!(f, "{table}")?;
        }
        for message in refused {
            writeln!(f, "{name}: a process refused: {}", harmless(message))?;
        }
        match silent {
            0 => Ok(()),
            silent => writeln!(f, "{name}: {silent} connected but not answering"),
        }
    }
}
