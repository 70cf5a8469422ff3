//! Runs a listener process for one event: what depends on the handler's types, and nothing else.

use std::marker::PhantomData;
use std::process::ExitCode;

use contracts::{Listener, Subscription};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use process::exit_code;
use serde_json::value::RawValue;

use crate::listener::{Apply, Outcome, listen};
use crate::{Failure, Transaction};

/// Runs the listener `L` until it is told to stop. The handler gets each event once: in its transaction the frame has
/// noted the event in the inbox, and what the handler does there is committed together with that note, or not at all.
pub async fn subscribe<L, H>(handler: H) -> ExitCode
where
    L: Listener,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    let handler = Typed { handler, listener: PhantomData::<fn() -> L> };
    exit_code(listen(Subscription::of::<L>(), &handler).await)
}

/// A handler, seen as one that takes text.
struct Typed<L, H> {
    handler: H,
    listener: PhantomData<fn() -> L>,
}

impl<L, H> Apply for Typed<L, H>
where
    L: Listener,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    fn apply<'a>(&'a self, data: &'a RawValue, transaction: &'a Transaction<'a>) -> LocalBoxFuture<'a, Outcome> {
        async move {
            let event = match serde_json::from_str(data.get()) {
                Ok(event) => event,
                // Only where it is wrong: the parser's words quote the data.
                Err(error) => return Outcome::Undecodable(format!("at column {} of the data", error.column())),
            };
            match (self.handler)(event, transaction).await {
                Ok(()) => Outcome::Applied,
                Err(failure) => Outcome::Failed(failure),
            }
        }
        .boxed_local()
    }
}
