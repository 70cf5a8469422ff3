//! Takes connections in and, when asked to stop, sees the ones that are open to their end.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use runtime::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::http::connection::{self, ConnectionConfig, close_after_request};
use crate::http::open_connections::OpenConnections;
use crate::http::service::Service;
use crate::http::throttled_log::{PAUSE, ThrottledLog};

/// After a failed accept, mostly for want of file descriptors, the next is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Where all connections are being served, it is looked this often whether one is idle by now.
const LOOK: Duration = Duration::from_millis(20);

/// Serves a listener until a stop is asked for and every connection has ended, or the stop is insisted on. For a connection
/// above `limit` the one that was idle for longest is closed; more than one address may have are closed at once.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    terms: ConnectionConfig,
    limit: usize,
    stop: Shutdown,
) {
    let connections = TaskTracker::new();
    let mut door = Door {
        terms: Arc::new(terms),
        room: Arc::new(Semaphore::new(limit)),
        open: Arc::default(),
        told: Told::default(),
    };
    tokio::select! {
        biased;
        () = close_after_request(&stop) => {}
        () = door.accept_loop(&listener, &service, &stop, &connections) => {}
    }
    for (stream, peer) in close(listener) {
        door.take_in(stream, peer, &service, &stop, &connections).await;
    }
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = stop.forced() => tracing::warn!(connections = connections.len(), "closing connections in use"),
    }
}

/// Closes a listener. What the kernel had accepted until then would be reset by that, so it is taken in first.
fn close(listener: TcpListener) -> Vec<(TcpStream, IpAddr)> {
    let mut accepted = Vec::new();
    let Ok(listener) = listener.into_std() else { return accepted };
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                accepted.extend(stream.ok().map(|stream| (stream, peer.ip())));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => return accepted,
        }
    }
}

struct Door {
    terms: Arc<ConnectionConfig>,
    room: Arc<Semaphore>,
    open: Arc<OpenConnections>,
    told: Told,
}

impl Door {
    async fn accept_loop<S: Service>(
        &mut self,
        listener: &TcpListener,
        service: &Arc<S>,
        stop: &Shutdown,
        connections: &TaskTracker,
    ) {
        loop {
            let (stream, peer) = self.accept(listener).await;
            self.take_in(stream, peer, service, stop, connections).await;
        }
    }

    async fn take_in<S: Service>(
        &mut self,
        stream: TcpStream,
        peer: IpAddr,
        service: &Arc<S>,
        stop: &Shutdown,
        connections: &TaskTracker,
    ) {
        let Some(admitted) = self.terms.admit(peer) else {
            self.told.too_many_from_one_address();
            return;
        };
        let Some(place) = self.place().await else { return };
        let entry = self.open.add();
        let activity = Arc::clone(&entry.activity);
        let (service, terms, stop) = (Arc::clone(service), Arc::clone(&self.terms), stop.clone());
        connections.spawn(async move {
            connection::serve(stream, peer, service, terms, activity, stop).await;
            drop((entry, place, admitted));
        });
    }

    /// The next connection of which the kernel knows.
    async fn accept(&mut self, listener: &TcpListener) -> (TcpStream, IpAddr) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = sleep(PAUSE), if self.told.owes() => {
                    self.told.tell();
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => return (stream, peer.ip()),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.told.cannot_accept(&error);
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// A place among the connections, if need be that of one which is idle.
    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        while self.room.available_permits() == 0 {
            if self.open.evict_longest_idle() {
                self.told.closed_for_another();
            }
            if let Ok(place) = timeout(LOOK, Arc::clone(&self.room).acquire_owned()).await {
                return place.ok();
            }
        }
        Arc::clone(&self.room).acquire_owned().await.ok()
    }
}

/// What clients can make happen as often as they like.
#[derive(Default)]
struct Told {
    refused: ThrottledLog,
    closed: ThrottledLog,
    failed: ThrottledLog,
}

impl Told {
    fn too_many_from_one_address(&mut self) {
        refused(self.refused.add());
    }

    fn closed_for_another(&mut self) {
        closed(self.closed.add());
    }

    fn cannot_accept(&mut self, error: &io::Error) {
        if let Some(times) = self.failed.add() {
            tracing::warn!(error = %error, times, "cannot take a connection in");
        }
    }

    fn owes(&self) -> bool {
        self.refused.owes() || self.closed.owes()
    }

    fn tell(&mut self) {
        refused(self.refused.due());
        closed(self.closed.due());
    }
}

fn refused(connections: Option<u64>) {
    if let Some(connections) = connections {
        tracing::warn!(connections, "refused connections: their address has as many as one may have");
    }
}

fn closed(connections: Option<u64>) {
    if let Some(connections) = connections {
        tracing::warn!(connections, "closed idle connections to make room: GATEWAY_CONNECTION_LIMIT is reached");
    }
}

/// The client was gone before we took it in: no reason to pause.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
