//! Runs a listener process for one event: only what depends on the handler's types.

use std::marker::PhantomData;
use std::process::ExitCode;

use contracts::{Subscriber, SubscriptionInfo};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::exit_code;
use serde_json::value::RawValue;

use crate::db::Transaction;
use crate::events::attempt::{Apply, Outcome};
use crate::events::event_loop::{Sharing, listen};
use crate::failure::Failure;

/// Runs the listener `L` until a shutdown is requested. Each event takes effect once: the frame records it in the inbox in
/// the same transaction that the handler gets, so both are committed or neither is.
///
/// Events that arrive together share a transaction; to the handler it looks as if they came one after the other. A handler
/// that needs a transaction per event is run by [`subscribe_singly`].
pub async fn subscribe<L, H>(handler: H) -> ExitCode
where
    L: Subscriber,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    let handler = Typed { handler, listener: PhantomData::<fn() -> L> };
    exit_code(listen(SubscriptionInfo::of::<L>(), &handler, Sharing::Together).await)
}

/// Like [`subscribe`], with a transaction per event: for a handler that takes locks which others need, or does a lot of
/// work for one event.
pub async fn subscribe_singly<L, H>(handler: H) -> ExitCode
where
    L: Subscriber,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    let handler = Typed { handler, listener: PhantomData::<fn() -> L> };
    exit_code(listen(SubscriptionInfo::of::<L>(), &handler, Sharing::Singly).await)
}

/// A handler behind the untyped interface.
struct Typed<L, H> {
    handler: H,
    listener: PhantomData<fn() -> L>,
}

impl<L, H> Apply for Typed<L, H>
where
    L: Subscriber,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    fn apply<'a>(&'a self, data: &'a RawValue, transaction: &'a Transaction<'a>) -> LocalBoxFuture<'a, Outcome> {
        async move {
            let mut json = serde_json::Deserializer::from_str(data.get());
            let event = match serde_path_to_error::deserialize(&mut json) {
                Ok(event) => event,
                Err(error) => return Outcome::Undecodable(unfit(&error)),
            };
            match (self.handler)(event, transaction).await {
                Ok(()) => Outcome::Applied,
                Err(failure) => Outcome::Failed(failure),
            }
        }
        .boxed_local()
    }
}

/// Names the field that is wrong. Of the parser's message it keeps only what quotes no data.
fn unfit(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (field, words) = (error.path().to_string(), error.inner().to_string());
    let place = if field == "." { "the data".to_owned() } else { format!("the field '{field}'") };
    match words.split_once(" at line ") {
        Some((missing, _)) if missing.starts_with("missing field") => format!("{place}: {missing}"),
        _ => format!("{place} is not as the event's contract says"),
    }
}

#[cfg(test)]
mod tests {
    use contracts::events::OrderCreated;

    use super::*;

    fn said(data: &str) -> String {
        let mut json = serde_json::Deserializer::from_str(data);
        unfit(&serde_path_to_error::deserialize::<_, OrderCreated>(&mut json).err().unwrap())
    }

    #[test]
    fn the_field_is_named_and_the_data_is_not_quoted() {
        let good = <OrderCreated as contracts::Event>::EXAMPLE;
        assert_eq!(said(r#"{"id":"secret"}"#), "the field 'id' is not as the event's contract says");
        assert_eq!(
            said(&good.replace("1999.99", r#""secret""#)),
            "the field 'price' is not as the event's contract says"
        );
        assert_eq!(said(&good.replace("\"title\"", "\"tittle\"")), "the data: missing field `title`");
        assert_eq!(said("[]"), "the data is not as the event's contract says");
    }
}
