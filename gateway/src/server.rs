//! Takes connections in and, when asked to stop, sees the ones that are open to their end.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use process::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::Body;
use crate::connection::{self, Terms, last_call};

/// After a failed accept, mostly for want of file descriptors, the next is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests.
pub trait Answer: Send + Sync + 'static {
    /// The answer to one request, whatever it is.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves a listener until a stop is asked for and every connection has ended, or the stop is insisted on. More than
/// `limit` connections wait in the kernel's queue; more than one address may have are closed at once.
pub async fn serve<A: Answer>(listener: TcpListener, answer: Arc<A>, terms: Terms, limit: usize, stop: Stop) {
    let connections = TaskTracker::new();
    let take_in = take_in(&listener, &answer, Arc::new(terms), limit, &stop, &connections);
    tokio::select! {
        biased;
        () = last_call(&stop) => {}
        () = take_in => {}
    }
    drop(listener);
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = stop.insisted() => tracing::warn!(connections = connections.len(), "closing connections in use"),
    }
}

async fn take_in<A: Answer>(
    listener: &TcpListener,
    answer: &Arc<A>,
    terms: Arc<Terms>,
    limit: usize,
    stop: &Stop,
    connections: &TaskTracker,
) {
    let room = Arc::new(Semaphore::new(limit));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, peer) = accept(listener).await;
        let Some(admitted) = terms.admit(peer) else { continue };
        let serving = connection::serve(stream, peer, Arc::clone(answer), Arc::clone(&terms), stop.clone());
        connections.spawn(async move {
            serving.await;
            drop((place, admitted));
        });
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip()),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "cannot take a connection in");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The client was gone before we took it in: no reason to pause.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
