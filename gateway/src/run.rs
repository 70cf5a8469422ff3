//! The gateway's life: opens its doors, keeps the line to the broker, and closes both in the right order.

use std::net::SocketAddr;
use std::sync::Arc;

use bus::{Asker, Broker};
use process::{StartError, Stop};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::Admin;
use crate::auth::Auth;
use crate::connection::Terms;
use crate::gateway::Gateway;
use crate::routes::TABLE;
use crate::server::serve;
use crate::settings::GatewaySettings;

/// Probes need no more connections than this.
const ADMIN_CONNECTIONS: usize = 64;

/// Reads the files that the settings name, as a start does, and opens nothing else.
pub fn check(settings: &GatewaySettings) -> Result<(), StartError> {
    Ok(Auth::open(settings).map(drop)?)
}

/// Serves until a signal asks to stop and all requests are answered.
pub async fn run(settings: GatewaySettings, broker: Broker) -> Result<(), StartError> {
    let stop = Stop::on_signals(settings.drain())?;
    let asker = Arc::new(Asker::new(broker.clone()));
    let gateway = Arc::new(Gateway::open(&settings, &TABLE, Arc::clone(&asker), stop.clone())?);
    let admin = Arc::new(Admin::new(Arc::clone(&asker), stop.clone()));
    let terms = Terms::new(settings.header_timeout(), settings.body_timeout());
    let per_address = settings.limits.connections_per_address;
    let public = terms.clone().per_address(per_address, settings.proxies().unwrap_or_default());
    let (door, listen) = open(settings.listen).await?;
    let (admin_door, admin_listen) = open(settings.admin_listen).await?;

    let tasks = TaskTracker::new();
    let drained = CancellationToken::new();
    let mut asking = tasks.spawn(keep_asking(asker, drained.clone()));
    // Probes are answered to the very end, so their stop is never asked for.
    tasks.spawn(serve(admin_door, admin, terms.clone(), ADMIN_CONNECTIONS, Stop::default()));
    tasks.spawn(watch(Arc::clone(&gateway), broker));
    let keeping = (Arc::clone(&gateway), drained.clone());
    tasks.spawn(async move { keeping.1.run_until_cancelled(keeping.0.keep()).await });
    let serving = tasks.spawn(serve(door, gateway, public, settings.connection_limit, stop.clone()));
    tracing::info!(%listen, %admin_listen, "serving");

    tokio::select! {
        ended = &mut asking => return ended.unwrap_or_else(|panic| Err(StartError::failed("the line to the broker", panic))),
        _ = serving => drained.cancel(),
    }
    tokio::select! {
        _ = asking => {}
        () = stop.insisted() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

async fn keep_asking(asker: Arc<Asker>, drained: CancellationToken) -> Result<(), StartError> {
    asker.run(drained.cancelled()).await.map_err(|error| StartError::failed("cannot keep a line to the broker", error))
}

async fn watch(gateway: Arc<Gateway>, broker: Broker) {
    gateway.watch(&broker).await;
}

async fn open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::failed(format_args!("cannot listen on {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
