//! Supervises work that needs a connection: connect, serve, back off after a failure, reconnect, stop when requested.

use std::pin::pin;
use std::time::Duration;

use crate::backoff::Backoff;

/// lapin leaks a thread for each attempt to connect to a peer that accepts and stays silent. After this many in a row the
/// process should be restarted.
const SILENT_ATTEMPTS: u32 = 20;

/// Work that needs a connection, for [`supervise`].
pub trait Supervised {
    /// The connection.
    type Connection;
    /// Why connecting failed, or why the connection broke.
    type Error;

    /// Connects. The future is dropped if a stop is requested meanwhile.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Connection, Self::Error>>;

    /// Works until the connection breaks (an error), or until a stop was requested and nothing is left to do.
    ///
    /// Calls [`Backoff::reset`] once the connection has proved usable: a connection that opens but always fails must not
    /// be retried without a pause.
    fn serve(
        &mut self,
        connection: Self::Connection,
        backoff: &mut Backoff,
    ) -> impl Future<Output = Result<(), Self::Error>>;

    /// Logs a failure to connect or to serve.
    fn failed(&mut self, error: &Self::Error);

    /// Whether the attempt timed out because the peer was silent. Too many of these in a row end the supervision.
    fn is_silence(_error: &Self::Error) -> bool {
        false
    }

    /// Waits before the next attempt.
    fn pause(&mut self, pause: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(pause)
    }
}

/// Runs the work over one connection after another, until `stop` resolves or the work ends without an error. After an
/// error the process should be restarted.
pub async fn supervise<S: Supervised>(work: &mut S, stop: impl Future<Output = ()>) -> Result<(), S::Error> {
    let mut stop = pin!(stop);
    let mut backoff = Backoff::default();
    loop {
        let connected = tokio::select! {
            () = &mut stop => return Ok(()),
            connected = work.connect() => connected,
        };
        let ended = match connected {
            Ok(connection) => work.serve(connection, &mut backoff).await,
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return Ok(()) };
        work.failed(&error);
        backoff.silent = if S::is_silence(&error) { backoff.silent + 1 } else { 0 };
        if backoff.silent >= SILENT_ATTEMPTS {
            return Err(error);
        }
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = work.pause(backoff.pause()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    /// Plays a script from its last step to its first, then ends without an error.
    #[derive(Default)]
    struct Scripted {
        script: Vec<Step>,
        pauses: Vec<Duration>,
        failures: usize,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Step {
        Silent,
        Refused,
        BreaksAtOnce,
        WorksThenBreaks,
    }

    impl Supervised for Scripted {
        type Connection = Option<Step>;
        type Error = Step;

        async fn connect(&mut self) -> Result<Option<Step>, Step> {
            match self.script.pop() {
                Some(step @ (Step::Silent | Step::Refused)) => Err(step),
                step => Ok(step),
            }
        }

        async fn serve(&mut self, step: Option<Step>, backoff: &mut Backoff) -> Result<(), Step> {
            if step == Some(Step::WorksThenBreaks) {
                backoff.reset();
            }
            step.map_or(Ok(()), Err)
        }

        fn failed(&mut self, _: &Step) {
            self.failures += 1;
        }

        fn is_silence(error: &Step) -> bool {
            *error == Step::Silent
        }

        fn pause(&mut self, pause: Duration) -> impl Future<Output = ()> {
            self.pauses.push(pause);
            ready(())
        }
    }

    fn scripted(script: impl IntoIterator<Item = Step>) -> Scripted {
        Scripted { script: script.into_iter().collect(), ..Scripted::default() }
    }

    #[tokio::test]
    async fn each_failure_is_reported_and_followed_by_a_longer_pause_until_the_work_ends() {
        let mut work = scripted([Step::Refused; 5]);
        assert!(supervise(&mut work, pending()).await.is_ok());
        assert_eq!(work.failures, 5);
        assert!(work.pauses[4] > work.pauses[0] * 4, "{:?}", work.pauses);
    }

    #[tokio::test]
    async fn only_a_connection_that_worked_resets_the_backoff() {
        let mut work = scripted([[Step::BreaksAtOnce; 5], [Step::Refused; 5]].concat());
        assert!(supervise(&mut work, pending()).await.is_ok());
        assert!(work.pauses[8] >= Duration::from_millis(800), "{:?}", work.pauses);
        let mut work = scripted([Step::WorksThenBreaks; 5]);
        assert!(supervise(&mut work, pending()).await.is_ok());
        assert!(work.pauses.iter().all(|pause| *pause <= Duration::from_millis(100)), "{:?}", work.pauses);
    }

    #[tokio::test]
    async fn uninterrupted_silence_ends_the_supervision() {
        let silent = |times: u32| std::iter::repeat_n(Step::Silent, times as usize);
        assert!(supervise(&mut scripted(silent(SILENT_ATTEMPTS - 1)), pending()).await.is_ok());
        assert!(supervise(&mut scripted(silent(SILENT_ATTEMPTS)), pending()).await.is_err());
        for between in [Step::Refused, Step::WorksThenBreaks] {
            let half = silent(SILENT_ATTEMPTS - 1).chain([between]).chain(silent(SILENT_ATTEMPTS - 1));
            assert!(supervise(&mut scripted(half), pending()).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_stop_interrupts_connecting() {
        struct Stuck;
        impl Supervised for Stuck {
            type Connection = ();
            type Error = ();
            async fn connect(&mut self) -> Result<(), ()> {
                pending().await
            }
            async fn serve(&mut self, (): (), _: &mut Backoff) -> Result<(), ()> {
                unreachable!("never connected")
            }
            fn failed(&mut self, (): &()) {}
        }
        assert_eq!(supervise(&mut Stuck, tokio::task::yield_now()).await, Ok(()));
    }
}
