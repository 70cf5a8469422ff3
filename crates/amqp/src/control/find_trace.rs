//! Requests the spans of a trace from the gateways.

use std::time::Duration;

use contracts::control::GATEWAY;
use contracts::telemetry::{Trace, TraceRequest};
use tokio::time::{Instant, timeout_at};

use crate::connection::{Broker, BrokerConnection, Error};
use crate::control::request_channel::{ControlRequest, RequestChannel};
use crate::topology::names::{TRACE, key_of};

/// The longest wait for answers.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long the first answer waits for those of other gateways.
const OTHERS: Duration = Duration::from_millis(250);

/// The spans of a trace. Every gateway remembers all spans since it started, so the longest
/// answer counts. `None` if no gateway answers.
pub async fn find_trace(broker: &Broker, request: &TraceRequest) -> Result<Option<Trace>, Error> {
    let connection = broker.connect("asks").await?;
    let found = exchange(&connection, broker.process(), request).await;
    connection.close().await;
    found
}

async fn exchange(
    connection: &BrokerConnection,
    process: &str,
    request: &TraceRequest,
) -> Result<Option<Trace>, Error> {
    let mut requests = RequestChannel::open(connection, process).await?;
    let data = serde_json::value::to_raw_value(request).expect("a string always serialises");
    let request = ControlRequest { kind: TRACE, data: &data, round: 1, timeout: TIMEOUT };
    let routed = requests.send(&request, vec![key_of(TRACE, GATEWAY)]).await?;
    if routed != [true] {
        return Ok(None);
    }
    let (mut best, mut deadline) = (None::<Trace>, Instant::now() + TIMEOUT);
    loop {
        let Ok(answer) = timeout_at(deadline, requests.next()).await else { return Ok(best) };
        let answer = answer?.result.ok().and_then(|answer| serde_json::from_str::<Trace>(answer.get()).ok());
        if let Some(trace) = answer
            && best.as_ref().is_none_or(|best| best.spans.len() < trace.spans.len())
        {
            best = Some(trace);
        }
        deadline = deadline.min(Instant::now() + OTHERS);
    }
}
