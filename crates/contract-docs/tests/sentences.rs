//! The text of the AsyncAPI document about identity, reply addresses and deadlines agrees with the code.

use amqp::bounds::{DEFAULT_BUDGET, DIRECT_REPLY_TO, LARGEST_MESSAGE, MARKS, MOST_ATTEMPTS, STATS_TIMEOUT};
use amqp::topology::{Bound, policies, redelivered_queue};
use contract_docs::asyncapi;
use contracts::Code;
use serde_json::Value;

/// A text of the document.
fn text(document: &Value, pointer: &str) -> String {
    let text = document.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("there is no text at {pointer}")).to_owned()
}

#[track_caller]
fn says(text: &str, part: &str) {
    assert!(text.contains(part), "it does not say {part:?}: {text}");
}

fn word(number: usize) -> &'static str {
    ["no", "one", "two", "three", "four", "five", "six"].get(number).copied().unwrap_or("a number without a word here")
}

fn header(name: &str) -> String {
    text(&asyncapi(), &format!("/components/messages/orders.create.request/headers/properties/{name}/description"))
}

#[test]
fn identity() {
    let about = text(&asyncapi(), "/info/description");
    says(&about, "A request's identity is its `message_id` if that is a UUID.");
    for mark in MARKS {
        says(&about, mark);
    }
    for part in ["the reply address", "the caller and the body"] {
        says(&about, part);
    }
    says(&about, &format!("refused with `{}`", Code::MessageIdReused.as_str()));
    says(&header("message_id"), "a UUID");
}

#[test]
fn reply_addresses() {
    says(&header("reply_to"), &format!("{DIRECT_REPLY_TO}, or a queue that exists and is not the system's own"));
    says(&text(&asyncapi(), "/info/description"), "`reply_to` names no queue, or a queue of the system's own");
}

#[test]
fn deadlines_and_bounds() {
    let about = text(&asyncapi(), "/info/description");
    says(&header("expiration"), &format!("until the deadline, or {} seconds", DEFAULT_BUDGET.as_secs()));
    let requests = policies().into_iter().find(|policy| policy.name == "requests").unwrap();
    let (_, ttl) = requests.definition.iter().find(|(key, _)| *key == "message-ttl").unwrap();
    assert_eq!(*ttl, Bound::Number(u64::try_from(DEFAULT_BUDGET.as_millis()).unwrap()), "the broker waits as long");
    assert_eq!(LARGEST_MESSAGE % (1 << 20), 0);
    says(&about, &format!("more than {} mebibyte", word((LARGEST_MESSAGE >> 20).try_into().unwrap())));
    says(&about, &format!("`{}`", redelivered_queue("<pattern>")));
    let attempts = usize::try_from(MOST_ATTEMPTS).unwrap();
    says(&about, &format!("brings down {} workers there is answered `{}`", word(attempts), Code::Internal.as_str()));
    assert_eq!(STATS_TIMEOUT.as_millis() * 4, 1_000);
    says(&text(&asyncapi(), "/channels/control.stats/description"), "within a quarter of a second");
}
