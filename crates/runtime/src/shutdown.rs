//! Stops in two stages: the first signal asks for a drain, a second one or the end of the grace period insists.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::StartError;
use crate::notify;

/// Tells every part of a process to stop.
#[derive(Clone, Default)]
pub struct Shutdown {
    requested: CancellationToken,
    forced: CancellationToken,
}

impl Shutdown {
    /// Listens to SIGTERM and SIGINT from now on; `grace` is how long a drain may take.
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
        tracing::info!(grace_ms = grace.as_millis(), "stop asked: finishing what runs");
        self.requested.cancel();
        notify::stopping();
        tokio::select! {
            _ = terminate.recv() => tracing::warn!("asked again: stopping at once"),
            _ = interrupt.recv() => tracing::warn!("asked again: stopping at once"),
            () = tokio::time::sleep(grace) => tracing::warn!("the grace period is over: stopping at once"),
        }
        self.forced.cancel();
    }

    /// Resolves when a drain is asked for: take nothing new, finish what runs.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// Whether a drain was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Resolves when waiting is over: leave what still runs.
    pub async fn forced(&self) {
        self.forced.cancelled().await;
    }
}
