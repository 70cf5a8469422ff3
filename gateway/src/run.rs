//! Runs the gateway: opens its listeners, keeps the connection to the broker, and shuts both down in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use amqp::{Broker, RpcClient, identify};
use contracts::control::{GATEWAY, ProcessKind};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
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

/// Connections that the kernel queues until they are accepted.
const BACKLOG: u32 = 1_024;
/// How long a gateway that shares its port waits for the broker before it opens its listeners anyway.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The kind of a task.
enum Task {
    /// The RPC client's connection to the broker.
    Rpc,
    /// The public listener.
    Listener,
    /// A task that the others depend on.
    Background,
}

/// The concurrent tasks of the gateway. If one panics or ends too early, the process ends.
type Tasks = JoinSet<Result<Task, StartError>>;

/// Reads the files that the settings name, and opens nothing else.
pub fn check(settings: &GatewaySettings) -> Result<(), StartError> {
    Ok(Auth::open(&settings.auth()).map(drop)?)
}

/// Serves until a signal requests a shutdown and all requests are answered.
pub fn run(settings: GatewaySettings, broker: Broker) -> LocalBoxFuture<'static, Result<(), StartError>> {
    // Boxed by a plain function, so that its code is compiled here and not once more in the program.
    run_parts(settings, broker).boxed_local()
}

async fn run_parts(settings: GatewaySettings, broker: Broker) -> Result<(), StartError> {
    let stop = Shutdown::on_signals(settings.drain())?;
    let connections = descriptors::reserve(settings.connection_limit)?;
    let (requests, info) = (Arc::new(RequestMetrics::new()), Arc::new(identify(GATEWAY, ProcessKind::Gateway, None)));
    let stats = (Arc::clone(&requests), Arc::clone(&info));
    let rpc = RpcClient::new(broker.clone()).with_status(Arc::clone(&info), move || stats.0.stats(&stats.1));
    let rpc = Arc::new(rpc);
    let gateway = Pipeline::open(&settings, &TABLE, Arc::clone(&rpc), Arc::clone(&requests), stop.clone())?;
    let gateway = Arc::new(gateway);
    let admin = Arc::new(Health::new(Arc::clone(&rpc), stop.clone(), requests, info, &settings));
    let config = ConnectionConfig::new(settings.header_timeout(), settings.body_timeout());
    let config = if settings.reuse_port { config.idle_grace(settings.drain() / 2) } else { config };
    let per_address = settings.limits.connections_per_address;
    let public = config.clone().per_address(per_address, settings.proxies().unwrap_or_default());
    let mut tasks = Tasks::new();
    let drained = CancellationToken::new();
    tasks.spawn(keep_connected(Arc::clone(&rpc), drained.clone()));
    if settings.reuse_port {
        // Until then the other gateway should get the requests.
        tokio::select! {
            ended = until(&mut tasks, |_| false) => ended?,
            _ = timeout(CONNECT_TIMEOUT, rpc.connected()) => {}
        }
    }
    let (socket, listen) = open(settings.listen, settings.reuse_port)?;
    let (admin_socket, admin_listen) = open(settings.admin_listen, settings.reuse_port)?;

    // Probes are answered until the process ends, so this listener is never stopped.
    let probes = serve(admin_socket, admin, config, connections.admin, Shutdown::default());
    tasks.spawn(async { Ok((probes.await, Task::Background).1) });
    tasks.spawn(run_event_streams(Arc::clone(&gateway), broker));
    tasks.spawn(keep_keys_current(Arc::clone(&gateway), drained.clone()));
    let serving = serve(socket, gateway, public, connections.public, stop.clone());
    tasks.spawn(async { Ok((serving.await, Task::Listener).1) });
    tracing::info!(%listen, %admin_listen, "serving");
    runtime::notify_ready();

    until(&mut tasks, |task| matches!(task, Task::Listener)).await?;
    drained.cancel();
    tokio::select! {
        ended = until(&mut tasks, |task| matches!(task, Task::Rpc)) => ended?,
        () = stop.forced() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

/// Waits until a task has ended. The failure of any task is the error.
async fn until(tasks: &mut Tasks, done: impl Fn(&Task) -> bool) -> Result<(), StartError> {
    while let Some(ended) = tasks.join_next().await {
        if done(&ended.map_err(|panic| StartError::failed("a task of the gateway failed", panic))??) {
            break;
        }
    }
    Ok(())
}

async fn keep_connected(rpc: Arc<RpcClient>, drained: CancellationToken) -> Result<Task, StartError> {
    let kept = rpc.run(drained.cancelled()).await;
    kept.map(|()| Task::Rpc).map_err(|error| StartError::failed("cannot connect to the broker", error))
}

async fn run_event_streams(gateway: Arc<Pipeline>, broker: Broker) -> Result<Task, StartError> {
    gateway.run_event_streams(&broker).await;
    Ok(Task::Background)
}

async fn keep_keys_current(gateway: Arc<Pipeline>, drained: CancellationToken) -> Result<Task, StartError> {
    drained.run_until_cancelled(gateway.keep_keys_current()).await;
    Ok(Task::Background)
}

fn open(address: SocketAddr, reuse_port: bool) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::failed(format_args!("cannot listen on {address}"), error);
    let listener = bind(address, reuse_port).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn bind(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a previous gateway may linger.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(reuse_port)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_fails_ends_the_gateway_and_one_that_completes_does_not() {
        let ended = async |with: fn(&mut Tasks)| {
            let mut tasks = Tasks::new();
            tasks.spawn(async { Ok(Task::Background) });
            with(&mut tasks);
            until(&mut tasks, |task| matches!(task, Task::Listener)).await.map_err(|error| error.to_string())
        };
        let panics: fn(&mut Tasks) = |tasks| {
            tasks.spawn(async { panic!("the watcher tripped") });
            tasks.spawn(std::future::pending());
        };
        let error = ended(panics).await.unwrap_err();
        assert!(error.contains("a task of the gateway failed") && error.contains("the watcher tripped"), "{error}");
        let fails: fn(&mut Tasks) = |tasks| {
            tasks.spawn(async { Err(StartError::Failed("no broker".into())) });
            tasks.spawn(std::future::pending());
        };
        assert_eq!(ended(fails).await, Err("no broker".into()));
        let serves: fn(&mut Tasks) = |tasks| {
            tasks.spawn(async { Ok(Task::Listener) });
        };
        assert_eq!(ended(serves).await, Ok(()));
    }
}
