//! Graceful shutdown in two stages: the first signal requests a drain; a second signal, or the end of the grace period,
//! forces the end.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::StartError;
use crate::notify;

/// Signals a shutdown to every part of a process.
#[derive(Clone, Default)]
pub struct Shutdown {
    requested: CancellationToken,
    forced: CancellationToken,
}

impl Shutdown {
    /// Handles SIGTERM and SIGINT from now on; `grace` is how long a drain may take.
    pub fn on_signals(grace: Duration) -> Result<Self, StartError> {
        let listen = |kind| signal(kind).map_err(|error| StartError::failed("cannot listen to signals", error));
        let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let stop = Self::default();
        #[expect(clippy::disallowed_methods, reason = "they live as long as the process; nothing waits for them")]
        {
            tokio::spawn(stop.clone().listen(terminate, interrupt, grace));
            tokio::spawn(notify::keep_alive());
        }
        Ok(stop)
    }

    async fn listen(self, mut terminate: Signal, mut interrupt: Signal, grace: Duration) {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!(grace_ms = grace.as_millis(), "stop requested: draining");
        self.requested.cancel();
        notify::stopping();
        tokio::select! {
            _ = terminate.recv() => tracing::warn!("second signal: stopping at once"),
            _ = interrupt.recv() => tracing::warn!("second signal: stopping at once"),
            () = tokio::time::sleep(grace) => tracing::warn!("the grace period is over: stopping at once"),
        }
        self.forced.cancel();
    }

    /// Resolves when a drain is requested: take no new work and finish the work in progress.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Whether a drain was requested.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Resolves when the drain must end: abandon the work in progress.
    pub async fn forced(&self) {
        self.forced.cancelled().await;
    }
}
