//! The live feed shows a user's own events as they are published, and a client that reconnects misses none.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::feed::LiveSubscription;
use system_tests::problem::problem;
use system_tests::wait::seconds;

use system_tests::{Message, Servers, Signal, Sql, Stack, token, wait_until};

use crate::events::UNPUBLISHED;
use crate::events::lock::Lock;

fn title(event: &system_tests::feed::Event) -> Value {
    event.data["title"].clone()
}

#[test]
fn an_order_appears_in_its_owners_feed_and_in_no_other() {
    let stack = Stack::plan().with_events().start();
    let (person, other) = (stack.register(), stack.somebody());
    let mut feeds = [
        LiveSubscription::open(stack.port, &person.token, None),
        LiveSubscription::open(stack.port, &person.token, None),
    ];
    let mut others = LiveSubscription::open(stack.port, &other.token, None);
    let order = person.place("seen");
    for feed in &mut feeds {
        let event = feed.event();
        assert_eq!((event.name.as_str(), &event.data), ("order.created", &order));
    }
    other.place("theirs");
    assert_eq!(title(&others.event()), "theirs", "the first that somebody else sees is their own");
}

#[test]
fn a_feed_continues_over_a_restart_of_the_gateway_without_a_gap() {
    let stack = Stack::plan().with_events().start();
    let person = stack.somebody();
    let mut feed = LiveSubscription::open(stack.port, &person.token, None);
    person.place("before");
    let seen = feed.event();
    assert_eq!(title(&seen), "before");
    // Events while no client follows: before the gateway is gone, and while the relay is gone as well.
    drop(feed);
    person.place("meanwhile 1");
    let gateway = stack.process("gateway");
    gateway.kill();
    stack.process("orders-relay").kill();
    stack.launch("gateway");
    stack.wait_until_ready();
    person.place("meanwhile 2");
    wait_until("events arrived again", seconds(5), || {
        LiveSubscription::try_open(stack.port, &person.token, None).is_ok()
    });
    let mut feed = LiveSubscription::open(stack.port, &person.token, Some(&seen.id));
    stack.launch("orders-relay");
    person.place("after");
    let titles: Vec<Value> = (0..3).map(|_| title(&feed.event())).collect();
    assert_eq!(titles, ["meanwhile 1", "meanwhile 2", "after"]);
}

/// The events of a feed that is resumed after an event, up to the order with this title.
#[track_caller]
fn resumed(stack: &Stack<'_>, token: &str, after: &str, until: &str) -> Vec<Value> {
    let mut feed = LiveSubscription::open(stack.port, token, Some(after));
    let mut titles = Vec::new();
    while titles.last().is_none_or(|title| title != until) {
        titles.push(title(&feed.event()));
    }
    titles
}

#[test]
fn a_feed_is_resumed_in_the_order_of_publication_whatever_the_clocks_say() {
    let stack = Stack::plan().with_events().set("GATEWAY_STREAMS_PER_USER", "64").start();
    let person = stack.register();
    let mut feed = LiveSubscription::open(stack.port, &person.token, None);
    // Recorded first, and committed after the second was published.
    let slow = Sql::open(&stack.orders_url);
    slow.execute(&format!(
        "BEGIN; INSERT INTO outbox_pending (id, name, aggregate, owner, data)
         VALUES (gen_random_uuid(), 'order.created', 'slow', '{}', '{{\"title\": \"slow\"}}')",
        person.id
    ));
    person.place("one");
    let mut seen = vec![feed.event()];
    slow.execute("COMMIT");
    seen.push(feed.event());
    for title in ["two", "three", "end"] {
        person.place(title);
        seen.push(feed.event());
    }
    let titles: Vec<Value> = seen.iter().map(title).collect();
    assert_eq!(titles, ["one", "slow", "two", "three", "end"]);
    let db = stack.orders_db();
    wait_until("all were marked", seconds(5), || db.value::<i64>(UNPUBLISHED, &[]) == 0);
    for clocks in [
        "published_at = published_at",
        "published_at = '2026-01-01'",
        // An hour back, once between two publications and then before each.
        "published_at = published_at - interval '1 hour' WHERE data LIKE '%\"two\"%' OR data LIKE '%\"end\"%'",
        "published_at = now() - seq * interval '1 hour'",
        "created_at = created_at - interval '1 hour'",
    ] {
        db.execute(&format!("UPDATE outbox SET {clocks}"));
        for (place, event) in seen.iter().enumerate().take(titles.len() - 1) {
            let shown = resumed(&stack, &person.token, &event.id, "end");
            assert_eq!(shown, titles[place + 1..], "after {}, {clocks}", titles[place]);
        }
    }
}

#[test]
fn a_large_batch_reaches_a_feed_whole_and_in_order() {
    const EVENTS: usize = 70;
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let mut feed = LiveSubscription::open(stack.port, &person.token, None);
    stack.process("orders-relay").kill();
    for n in 0..EVENTS {
        person.place(&n.to_string());
    }
    stack.launch("orders-relay");
    // A feed skips what comes after a later event. The last one is never skipped.
    let wanted: Vec<Value> = (0..EVENTS).map(|n| n.to_string().into()).collect();
    let mut titles = Vec::new();
    while titles.last() != wanted.last() {
        titles.push(title(&feed.event()));
    }
    assert_eq!(titles, wanted);
}

#[test]
fn an_event_that_a_second_relay_publishes_again_is_not_shown_again() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    let (mut feed, mut expected) = (LiveSubscription::open(stack.port, &person.token, None), Vec::new());
    for n in 0..3 {
        let marks = Lock::on_marks(&stack.orders_url);
        let (once, twice) = (format!("{n} before"), format!("{n} in the middle"));
        person.place(&once);
        let seen = feed.event();
        wait_until("the relay waited", seconds(10), || marks.is_waited_for());
        person.place(&twice);
        stack.process("orders-relay").kill();
        marks.end_those_who_wait();
        marks.release();
        // The event that was seen is not known to be published, and is published again.
        let mut resumed = LiveSubscription::open(stack.port, &person.token, Some(&seen.id));
        stack.launch("orders-relay");
        for feed in [&mut feed, &mut resumed] {
            assert_eq!(title(&feed.event()), twice);
        }
        expected.extend([once, twice]);
        let heard = || {
            let heard = stack.process("users-on-order-created").events("event handled");
            heard.iter().filter(|event| event["status"] == "repeated").count()
        };
        wait_until("it was published again", seconds(10), || heard() > n);
    }
    assert_eq!(
        title(&LiveSubscription::open(stack.port, &person.token, Some(&uuid::Uuid::nil().to_string())).event()),
        expected[0]
    );
}

#[test]
fn a_feed_that_breaks_before_its_first_event_is_resumed_where_it_began() {
    let stack = Stack::plan().with_events().start();
    let person = stack.register();
    // First no event was ever sent; then one was, and is not sent again.
    for (before, after) in [(None, "first"), (Some("first"), "second")] {
        let place = LiveSubscription::open(stack.port, &person.token, None).place();
        person.place(after);
        let events = LiveSubscription::open(stack.port, &person.token, Some(&place)).event();
        assert_eq!(title(&events), after, "after {before:?}");
    }
}

#[test]
fn a_feed_ends_with_its_token() {
    let stack = Stack::start();
    let mut claims = token::claims("user-1");
    claims["exp"] = json!(token::now() + 2);
    let mut feed = LiveSubscription::open(stack.port, &token::sign(&claims), None);
    assert!(feed.ended_within(seconds(6)), "the token has expired and the feed goes on");
}

#[test]
fn a_feed_ends_when_the_gateway_stops_and_does_not_delay_it() {
    let stack = Stack::start();
    let mut feed = LiveSubscription::open(stack.port, &stack.somebody().token, None);
    let ended = stack.process("gateway").stop(seconds(3));
    assert!(ended.success() && feed.ended_within(seconds(1)));
}

#[test]
fn feeds_end_when_the_broker_goes_because_they_have_a_gap() {
    let servers = Servers::fragile();
    let stack = Stack::on(&servers).with_events().alone().start();
    let person = stack.somebody();
    let mut feed = LiveSubscription::open(stack.port, &person.token, None);
    servers.broker.server().kill();
    assert!(feed.ended_within(seconds(5)));
    problem(&person.get("/orders/events").send(), 503, "broker_unavailable");
    servers.broker.server().start();
    stack.wait_until_ready();
    wait_until("feeds could be opened again", seconds(5), || {
        LiveSubscription::try_open(stack.port, &person.token, None).is_ok()
    });
}

#[test]
fn feeds_end_when_the_broker_had_to_drop_events() {
    const MORE_THAN_WAIT: usize = 30_000; // 10 000 in the queue, and what fits between the broker and a frozen gateway
    let stack = Stack::start();
    let mut feed = LiveSubscription::open(stack.port, &stack.somebody().token, None);
    let gateway = stack.process("gateway");
    gateway.signal(Signal::Freeze);
    // Somebody else's, and large: this feed has nothing to do but to learn of the gap.
    let event = Message::new("order.created", "x".repeat(2_000)).through("events").without_reply();
    (0..MORE_THAN_WAIT).for_each(|_| stack.wire().send(&event));
    gateway.signal(Signal::Cont);
    assert!(feed.ended_within(seconds(10)), "events were dropped and the feed goes on");
}

#[test]
fn a_silent_feed_is_kept_open_by_comments() {
    let stack = Stack::plan().set("GATEWAY_STREAM_HEARTBEAT_MS", "50").start();
    let mut feed = LiveSubscription::open(stack.port, &stack.somebody().token, None);
    wait_until("some heartbeats arrived", seconds(5), || feed.comments(Duration::from_millis(200)) > 2);
}

#[test]
fn a_feed_that_cannot_be_served_is_refused() {
    let stack = Stack::plan().set("GATEWAY_STREAMS_PER_USER", "2").set("GATEWAY_STREAM_HEARTBEAT_MS", "100").start();
    problem(&stack.http.get("/orders/events").send(), 401, "missing_token");
    let person = stack.somebody();
    let call = || person.get("/orders/events");
    problem(&call().header("last-event-id", "7").send(), 422, "invalid_input");
    problem(&person.get("/orders/events?after=7").send(), 422, "invalid_input");
    problem(&person.get("/orders/events?since=7").send(), 422, "invalid_input");
    let feeds = [
        LiveSubscription::open(stack.port, &person.token, None),
        LiveSubscription::open(stack.port, &person.token, None),
    ];
    problem(&call().send(), 429, "too_many_streams");
    let other = LiveSubscription::open(stack.port, &stack.somebody().token, None);
    drop((feeds, other));
    wait_until("their places were free again", seconds(5), || {
        LiveSubscription::try_open(stack.port, &person.token, None).is_ok()
    });
}

#[test]
fn without_its_worker_a_resumed_feed_is_refused_and_has_no_gap() {
    let stack = Stack::plan().without("orders-events").start();
    let person = stack.somebody();
    let after = uuid::Uuid::now_v7().to_string();
    problem(&person.get("/orders/events").header("last-event-id", &after).send(), 503, "service_unavailable");
}

#[test]
fn missed_events_that_nobody_can_read_are_502() {
    let stack = Stack::plan().without("orders-events").start();
    let person = stack.register();
    let call = || person.get(&format!("/orders/events?after={}", person.id));
    for reply in [r#"{"response":7,"isDisposed":true}"#, r#"{"response":{"items":[],"more":false}}"#, "hello"] {
        problem(&stack.answer_in_place_of("orders.events", call(), reply), 502, "bad_reply");
    }
}
