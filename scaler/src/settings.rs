//! The settings of the scaler, with their defaults.

use runtime::{Problem, Section};
use serde::{Deserialize, Serialize};

use crate::http_client::HttpClient;
use crate::policy::Limits;
use crate::table;

/// How copies are started and stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DriverKind {
    /// Through the API of a running process-compose.
    ProcessCompose,
    /// As child processes.
    Children,
}

/// Settings of the scaler.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScalerSettings {
    /// How copies are started and stopped: `process-compose` or `children`.
    pub driver: DriverKind,
    /// The file of limits (TOML): `[default]`, and `[orders.get]` where a pattern differs, with `min`, `max`,
    /// `target_wait_ms` and `idle_after_s`. None is needed.
    pub table: String,
    /// How often the scaler counts waiting requests, in milliseconds.
    pub poll_ms: u64,
    /// Where process-compose listens: `unix:/path/of/its.sock`, or `http://127.0.0.1:8080`.
    pub api: String,
    /// For `children`: a program that gets the name of a worker's process, such as `orders-get`, as its argument and must
    /// exec that process.
    pub command: String,
    /// For `children`: the directory where the scaler records which processes it has started.
    pub state_dir: String,
}

impl Default for ScalerSettings {
    fn default() -> Self {
        Self {
            driver: DriverKind::ProcessCompose,
            table: String::new(),
            poll_ms: 50,
            api: "http://127.0.0.1:8080".into(),
            command: String::new(),
            state_dir: String::new(),
        }
    }
}

impl Section for ScalerSettings {
    const NAME: &'static str = "scaler";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.driver == DriverKind::Children {
            if self.command.is_empty() {
                problems.push(("command", "must name a program while SCALER_DRIVER=children".into()));
            }
            if self.state_dir.is_empty() {
                problems.push(("state_dir", "must name a directory while SCALER_DRIVER=children".into()));
            }
        }
        problems.extend(self.limits().err());
        problems.extend(self.api().err());
        if !(10..=10_000).contains(&self.poll_ms) {
            problems.push(("poll_ms", "must be between 10 and 10000".into()));
        }
        problems
    }
}

impl ScalerSettings {
    /// The limits of every pattern.
    pub(crate) fn limits(&self) -> Result<Vec<(&'static str, Limits)>, Problem> {
        table::read(&self.table).map_err(|problem| ("table", problem))
    }

    /// Where process-compose listens.
    pub(crate) fn api(&self) -> Result<HttpClient, Problem> {
        HttpClient::new(&self.api).ok_or_else(|| ("api", "must be like unix:/path or http://127.0.0.1:8080".into()))
    }
}
