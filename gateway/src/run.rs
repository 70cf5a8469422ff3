//! Runs the gateway: opens its listeners, keeps the connection to the broker, and closes both in the right order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use amqp::{Broker, RpcClient, identify};
use contracts::control::{GATEWAY, ProcessKind};
use runtime::{Shutdown, StartError};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::health::Health;
use crate::http::connection::ConnectionConfig;
use crate::http::descriptors;
use crate::http::server::serve;
use crate::metrics::requests::RequestMetrics;
use crate::pipeline::Pipeline;
use crate::routing::table::TABLE;
use crate::settings::GatewaySettings;

/// Connections that the kernel keeps for us until we take them in.
const BACKLOG: u32 = 1_024;
/// How long a gateway that shares its port looks for the broker before it opens without one.
const REACHING: Duration = Duration::from_secs(5);

/// What a part of the gateway does.
enum Part {
    /// The connection to the broker, for requests.
    Asking,
    /// The public listener.
    Serving,
    /// Something that others need while they run.
    Helping,
}

/// The parts that run side by side. None may end before it is told to: what panics takes the process with it.
type Parts = JoinSet<Result<Part, StartError>>;

/// Reads the files that the settings name, as a start does, and opens nothing else.
pub fn check(settings: &GatewaySettings) -> Result<(), StartError> {
    Ok(Auth::open(&settings.auth()).map(drop)?)
}

/// Serves until a signal asks to stop and all requests are answered.
pub async fn run(settings: GatewaySettings, broker: Broker) -> Result<(), StartError> {
    let stop = Shutdown::on_signals(settings.drain())?;
    let connections = descriptors::reserve(settings.connection_limit)?;
    let (requests, info) = (Arc::new(RequestMetrics::new()), Arc::new(identify(GATEWAY, ProcessKind::Gateway, None)));
    let told = (Arc::clone(&requests), Arc::clone(&info));
    let rpc = RpcClient::new(broker.clone()).with_status(Arc::clone(&info), move || told.0.stats(&told.1));
    let rpc = Arc::new(rpc);
    let gateway = Pipeline::open(&settings, &TABLE, Arc::clone(&rpc), Arc::clone(&requests), stop.clone())?;
    let gateway = Arc::new(gateway);
    let admin = Arc::new(Health::new(Arc::clone(&rpc), stop.clone(), requests, info, &settings));
    let terms = ConnectionConfig::new(settings.header_timeout(), settings.body_timeout());
    let terms = if settings.reuse_port { terms.last_call(settings.drain() / 2) } else { terms };
    let per_address = settings.limits.connections_per_address;
    let public = terms.clone().per_address(per_address, settings.proxies().unwrap_or_default());
    let mut parts = Parts::new();
    let drained = CancellationToken::new();
    parts.spawn(keep_connected(Arc::clone(&rpc), drained.clone()));
    if settings.reuse_port {
        // Until then the other gateway is the better one to come to.
        tokio::select! {
            ended = until(&mut parts, |_| false) => ended?,
            _ = timeout(REACHING, rpc.connected()) => {}
        }
    }
    let (socket, listen) = open(settings.listen, settings.reuse_port)?;
    let (admin_socket, admin_listen) = open(settings.admin_listen, settings.reuse_port)?;

    // Probes are answered to the very end, so their stop is never asked for.
    let probes = serve(admin_socket, admin, terms, connections.admin, Shutdown::default());
    parts.spawn(async { Ok((probes.await, Part::Helping).1) });
    parts.spawn(run_event_streams(Arc::clone(&gateway), broker));
    parts.spawn(keep_keys_current(Arc::clone(&gateway), drained.clone()));
    let serving = serve(socket, gateway, public, connections.public, stop.clone());
    parts.spawn(async { Ok((serving.await, Part::Serving).1) });
    tracing::info!(%listen, %admin_listen, "serving");
    runtime::notify_ready();

    until(&mut parts, |part| matches!(part, Part::Serving)).await?;
    drained.cancel();
    tokio::select! {
        ended = until(&mut parts, |part| matches!(part, Part::Asking)) => ended?,
        () = stop.forced() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// Waits until a part has done its work; the failure of any part is the error.
async fn until(parts: &mut Parts, done: impl Fn(&Part) -> bool) -> Result<(), StartError> {
    while let Some(ended) = parts.join_next().await {
        if done(&ended.map_err(|panic| StartError::failed("a part of the gateway failed", panic))??) {
            break;
        }
    }
    Ok(())
}

async fn keep_connected(rpc: Arc<RpcClient>, drained: CancellationToken) -> Result<Part, StartError> {
    let kept = rpc.run(drained.cancelled()).await;
    kept.map(|()| Part::Asking).map_err(|error| StartError::failed("cannot keep a line to the broker", error))
}

async fn run_event_streams(gateway: Arc<Pipeline>, broker: Broker) -> Result<Part, StartError> {
    gateway.run_event_streams(&broker).await;
    Ok(Part::Helping)
}

async fn keep_keys_current(gateway: Arc<Pipeline>, drained: CancellationToken) -> Result<Part, StartError> {
    drained.run_until_cancelled(gateway.keep_keys_current()).await;
    Ok(Part::Helping)
}

fn open(address: SocketAddr, reuse_port: bool) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::failed(format_args!("cannot listen on {address}"), error);
    let listener = bind(address, reuse_port).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a gateway that was here before may linger.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(reuse_port)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_or_fails_is_the_end_and_one_that_is_done_is_not() {
        let ended = async |with: fn(&mut Parts)| {
            let mut parts = Parts::new();
            parts.spawn(async { Ok(Part::Helping) });
            with(&mut parts);
            until(&mut parts, |part| matches!(part, Part::Serving)).await.map_err(|error| error.to_string())
        };
        let panics: fn(&mut Parts) = |parts| {
            parts.spawn(async { panic!("the watcher tripped") });
            parts.spawn(std::future::pending());
        };
        let error = ended(panics).await.unwrap_err();
        assert!(error.contains("a part of the gateway failed") && error.contains("the watcher tripped"), "{error}");
        let fails: fn(&mut Parts) = |parts| {
            parts.spawn(async { Err(StartError::Failed("no broker".into())) });
            parts.spawn(std::future::pending());
        };
        assert_eq!(ended(fails).await, Err("no broker".into()));
        let serves: fn(&mut Parts) = |parts| {
            parts.spawn(async { Ok(Part::Serving) });
        };
        assert_eq!(ended(serves).await, Ok(()));
    }
}
