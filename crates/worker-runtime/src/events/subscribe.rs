//! Runs a listener process for one event: what depends on the handler's types, and nothing else.

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

/// Runs the listener `L` until it is told to stop. The handler gets each event once: in its transaction the frame has
/// noted the event in the inbox, and what the handler does there is committed together with that note, or not at all.
/// Events that come together share a transaction. To the handler that is as if they came one after the other; one that
/// needs a transaction for each event is run by [`subscribe_singly`].
pub async fn subscribe<L, H>(handler: H) -> ExitCode
where
    L: Subscriber,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    let handler = Typed { handler, listener: PhantomData::<fn() -> L> };
    exit_code(listen(SubscriptionInfo::of::<L>(), &handler, Sharing::Together).await)
}

/// The same for a handler each of whose events needs a transaction of its own: because it locks what others need, say, or
/// does much for one event.
pub async fn subscribe_singly<L, H>(handler: H) -> ExitCode
where
    L: Subscriber,
    H: AsyncFn(L::Event, &Transaction<'_>) -> Result<(), Failure>,
{
    let handler = Typed { handler, listener: PhantomData::<fn() -> L> };
    exit_code(listen(SubscriptionInfo::of::<L>(), &handler, Sharing::Singly).await)
}

/// A handler, seen as one that takes text.
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

/// Which field is wrong. Of the parser's words only those that quote no data.
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
