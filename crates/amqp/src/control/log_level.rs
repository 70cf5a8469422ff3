//! The requesting side of `log-level`: changes the log level of processes for a limited time.

use std::time::Duration;

use contracts::Fault;
use contracts::control::{LogLevelChange, LogLevelRequest};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::connection::{Broker, BrokerConnection, Error};
use crate::control::presence::PresenceCounter;
use crate::control::request_channel::{ControlRequest, RequestChannel};
use crate::topology::names::{LOG_LEVEL, key_of};

/// The longest wait for answers. A process that is frozen for longer does not change its level when it resumes: the broker has
/// dropped the request.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The result of a change.
#[derive(Debug, Default)]
pub struct LogLevelOutcome {
    /// The processes that have changed their level.
    pub changed: Vec<LogLevelChange>,
    /// Why others refused.
    pub refused: Vec<Fault>,
    /// How many are connected and did not answer.
    pub silent: u32,
}

/// Changes the level of the processes of a name, or of one of them. Waits until all that are connected have answered, at most
/// two seconds.
pub async fn change_log_level(
    broker: &Broker,
    name: &'static str,
    instance: Option<Uuid>,
    request: &LogLevelRequest,
) -> Result<LogLevelOutcome, Error> {
    let connection = broker.connect("asks").await?;
    let outcome = exchange(&connection, broker.process(), name, instance, request).await;
    connection.close().await;
    outcome
}

async fn exchange(
    connection: &BrokerConnection,
    process: &str,
    name: &'static str,
    instance: Option<Uuid>,
    request: &LogLevelRequest,
) -> Result<LogLevelOutcome, Error> {
    let mut requests = RequestChannel::open(connection, process).await?;
    let data = serde_json::value::to_raw_value(request).expect("a level and a number always serialise");
    let deadline = Instant::now() + TIMEOUT;
    let all = key_of(LOG_LEVEL, name);
    let key = instance.map_or_else(|| all.clone(), |instance| key_of(&all, &instance.to_string()));
    let request = ControlRequest { kind: LOG_LEVEL, data: &data, round: 1, timeout: TIMEOUT };
    let is_routed = requests.send(&request, vec![key]).await?.contains(&true);
    let connected = match (is_routed, instance) {
        (false, _) => 0,
        (true, Some(_)) => 1,
        (true, None) => PresenceCounter::new(connection.clone()).count(&[name]).await?[name],
    };
    let mut outcome = LogLevelOutcome { silent: connected, ..LogLevelOutcome::default() };
    while outcome.silent > 0 {
        let Ok(answer) = timeout_at(deadline, requests.next()).await else { break };
        match answer?.result.map(|answer| serde_json::from_str(answer.get())) {
            Ok(Ok(change)) => outcome.changed.push(change),
            Ok(Err(_)) => continue,
            Err(fault) => outcome.refused.push(fault),
        }
        outcome.silent -= 1;
    }
    Ok(outcome)
}
