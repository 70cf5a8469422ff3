//! The HTTP server: accepts connections and, when a stop is requested, waits for the open ones to end.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use runtime::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::http::connection::{self, ConnectionConfig, stop_accepting};
use crate::http::open_connections::OpenConnections;
use crate::http::service::Service;
use crate::http::throttled_log::{PAUSE, ThrottledLog};

/// The pause after a failed accept, which mostly means that file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often to look for an idle connection to evict while all are busy.
const EVICTION_INTERVAL: Duration = Duration::from_millis(20);

/// Serves a listener until a stop is requested and every connection has ended, or the stop is forced. A connection above
/// `limit` evicts the one that has been idle for longest; one above the limit of its address is closed at once.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    config: ConnectionConfig,
    limit: usize,
    stop: Shutdown,
) {
    let connections = TaskTracker::new();
    let mut acceptor = Acceptor {
        config: Arc::new(config),
        permits: Arc::new(Semaphore::new(limit)),
        open: Arc::default(),
        log: ConnectionLog::default(),
    };
    tokio::select! {
        biased;
        () = stop_accepting(&stop) => {}
        () = acceptor.accept_loop(&listener, &service, &stop, &connections) => {}
    }
    for (stream, peer) in close(listener) {
        acceptor.spawn(stream, peer, &service, &stop, &connections).await;
    }
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = stop.forced() => tracing::warn!(connections = connections.len(), "closing connections in use"),
    }
}

/// Closes a listener. Connections that the kernel has accepted would be reset by that, so they are accepted first.
fn close(listener: TcpListener) -> Vec<(TcpStream, IpAddr)> {
    let mut accepted = Vec::new();
    let Ok(listener) = listener.into_std() else { return accepted };
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                accepted.extend(stream.ok().map(|stream| (stream, peer.ip())));
            }
            Err(error) if is_connection_error(&error) => {}
            Err(_) => return accepted,
        }
    }
}

struct Acceptor {
    config: Arc<ConnectionConfig>,
    permits: Arc<Semaphore>,
    open: Arc<OpenConnections>,
    log: ConnectionLog,
}

impl Acceptor {
    async fn accept_loop<S: Service>(
        &mut self,
        listener: &TcpListener,
        service: &Arc<S>,
        stop: &Shutdown,
        connections: &TaskTracker,
    ) {
        loop {
            let (stream, peer) = self.accept(listener).await;
            self.spawn(stream, peer, service, stop, connections).await;
        }
    }

    /// Serves a connection in its own task, unless its address has too many.
    async fn spawn<S: Service>(
        &mut self,
        stream: TcpStream,
        peer: IpAddr,
        service: &Arc<S>,
        stop: &Shutdown,
        connections: &TaskTracker,
    ) {
        let Some(of_address) = self.config.admit(peer) else {
            self.log.too_many_from_one_address();
            return;
        };
        let Some(permit) = self.permit().await else { return };
        let open = self.open.add();
        let activity = Arc::clone(&open.activity);
        let (service, config, stop) = (Arc::clone(service), Arc::clone(&self.config), stop.clone());
        connections.spawn(async move {
            connection::serve(stream, peer, service, config, activity, stop).await;
            drop((open, permit, of_address));
        });
    }

    /// Accepts the next connection.
    async fn accept(&mut self, listener: &TcpListener) -> (TcpStream, IpAddr) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = sleep(PAUSE), if self.log.is_pending() => {
                    self.log.flush();
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => return (stream, peer.ip()),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    self.log.cannot_accept(&error);
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// A permit for a connection; evicts an idle one if there is none left.
    async fn permit(&mut self) -> Option<OwnedSemaphorePermit> {
        while self.permits.available_permits() == 0 {
            if self.open.evict_longest_idle() {
                self.log.evicted();
            }
            if let Ok(permit) = timeout(EVICTION_INTERVAL, Arc::clone(&self.permits).acquire_owned()).await {
                return permit.ok();
            }
        }
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }
}

/// Logs what clients can cause at any rate.
#[derive(Default)]
struct ConnectionLog {
    rejected: ThrottledLog,
    evicted: ThrottledLog,
    failed: ThrottledLog,
}

impl ConnectionLog {
    fn too_many_from_one_address(&mut self) {
        rejected(self.rejected.add());
    }

    fn evicted(&mut self) {
        evicted(self.evicted.add());
    }

    fn cannot_accept(&mut self, error: &io::Error) {
        if let Some(times) = self.failed.add() {
            tracing::warn!(error = %error, times, "cannot accept a connection");
        }
    }

    fn is_pending(&self) -> bool {
        self.rejected.is_pending() || self.evicted.is_pending()
    }

    fn flush(&mut self) {
        rejected(self.rejected.due());
        evicted(self.evicted.due());
    }
}

fn rejected(connections: Option<u64>) {
    if let Some(connections) = connections {
        tracing::warn!(
            connections,
            "rejected connections: their address has reached GATEWAY_LIMIT_CONNECTIONS_PER_ADDRESS"
        );
    }
}

fn evicted(connections: Option<u64>) {
    if let Some(connections) = connections {
        tracing::warn!(connections, "closed idle connections to make room: GATEWAY_CONNECTION_LIMIT is reached");
    }
}

/// Whether an error concerns only one connection: its client has gone, which is no reason to pause.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
