//! The permissions of each process on the broker: exactly what it needs, derived from what it declares.
//!
//! In RabbitMQ's own terms: regular expressions over the names that may be declared and deleted (`configure`),
//! published to (`write`) and consumed from (`read`), and over the routing keys of topic exchanges. An administrator
//! creates the topology first, with `signalbox topology apply`; no process may create what is missing.

use std::collections::{BTreeMap, BTreeSet};

use contracts::control::{GATEWAY, RELAYS};
use contracts::events::FOLLOWED;
use contracts::naming::{process_name, service};
use contracts::{EVENTS, LISTENERS, PATTERNS, SubscriptionInfo};

use crate::topology::events::{published_by, retries, subscription};
use crate::topology::item::Item;
use crate::topology::names::{
    CONTROL_EXCHANGE, DESCRIBE, EVENTS_EXCHANGE, EXPIRED_EXCHANGE, FEED_QUEUES, LOG_LEVEL, REPLIES, SCALER_LOCK, SPANS,
    STATS, TELEMETRY_EXCHANGE, TRACE, expired_queues_of, key_of, queues_of,
};
use crate::topology::requests::{redelivered_queue, request};

/// RabbitMQ's name for the default exchange, by which any queue can be reached.
const DEFAULT_EXCHANGE: &str = "amq.default";

/// Names, each as a regular expression.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names(BTreeSet<String>);

impl Names {
    fn add(&mut self, name: &str) {
        self.0.insert(escape(name));
    }

    fn add_prefix(&mut self, start: &str) {
        self.0.insert(format!("{}.*", escape(start)));
    }

    /// One expression that matches exactly these names.
    fn expression(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        match names.as_slice() {
            [] => "^$".into(),
            [name] => format!("^{name}$"),
            names => format!("^({})$", names.join("|")),
        }
    }
}

/// The routing keys of a topic exchange that an account may publish to and bind to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Keys {
    write: Names,
    read: Names,
}

/// The permissions of one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    configure: Names,
    write: Names,
    read: Names,
    keys: BTreeMap<&'static str, Keys>,
}

impl Permissions {
    /// What may be declared and deleted, as one expression.
    pub fn configure(&self) -> String {
        self.configure.expression()
    }

    /// What may be written to: exchanges that are published to, queues that are bound.
    pub fn write(&self) -> String {
        self.write.expression()
    }

    /// What may be read from: queues that are consumed, exchanges that queues are bound to.
    pub fn read(&self) -> String {
        self.read.expression()
    }

    /// For each topic exchange in use: its name, and the routing keys that may be published to and bound to.
    pub fn topics(&self) -> impl Iterator<Item = (&'static str, String, String)> {
        self.keys.iter().map(|(exchange, keys)| (*exchange, keys.write.expression(), keys.read.expression()))
    }

    /// A worker: consumes its queue, replies to its callers, answers status requests.
    fn of_worker(pattern: &str) -> Self {
        let mut rights = Self::owning(&request(pattern));
        rights.read.add(pattern);
        rights.read.add(&redelivered_queue(pattern));
        rights.write.add(DEFAULT_EXCHANGE);
        rights.answer_status_requests(pattern);
        rights
    }

    /// A listener: consumes its queue, retries or dead-letters what fails, answers status requests.
    fn of_listener(listener: &SubscriptionInfo, delays_ms: &[u32]) -> Self {
        let mut rights = Self::owning(&subscription(listener));
        rights.own(&retries(listener.name, delays_ms));
        rights.read.add(listener.name);
        rights.write.add(DEFAULT_EXCHANGE);
        rights.answer_status_requests(listener.name);
        rights
    }

    /// A relay: publishes its service's events, binds the queues of their listeners, answers status requests.
    fn of_relay(name: &str, service: &str) -> Self {
        let mut rights = Self::default();
        for item in published_by(service) {
            rights.bind(&item);
        }
        rights.write.add(EVENTS_EXCHANGE);
        let keys = rights.keys.entry(EVENTS_EXCHANGE).or_default();
        for event in EVENTS.iter().filter(|event| event.service == service) {
            keys.write.add(event.name);
        }
        rights.answer_status_requests(name);
        rights
    }

    /// The gateway: calls any pattern through its queue; receives replies by direct reply-to, and events, status answers and
    /// its expired requests by queues of its own.
    fn of_gateway() -> Self {
        let mut rights = Self::default();
        rights.write.add(DEFAULT_EXCHANGE);
        rights.read.add(EVENTS_EXCHANGE);
        rights.own_queues(FEED_QUEUES);
        rights.own_queues(&expired_queues_of("gateway"));
        rights.read.add(EXPIRED_EXCHANGE);
        let keys = rights.keys.entry(EVENTS_EXCHANGE).or_default();
        for event in FOLLOWED {
            keys.read.add(event);
        }
        rights.request_status_of_others();
        rights
    }

    /// The scaler: reads the depth of queues, which needs no permission, and declares the queue that serves as its lock.
    fn of_scaler() -> Self {
        let mut permissions = Self::default();
        permissions.configure.add(SCALER_LOCK);
        permissions
    }

    /// Receives status requests and answers them, through the exchange `control`; publishes spans.
    fn answer_status_requests(&mut self, name: &str) {
        self.own_queues(&queues_of(&process_name(name)));
        self.read.add(CONTROL_EXCHANGE);
        self.write.add(CONTROL_EXCHANGE);
        let keys = self.keys.entry(CONTROL_EXCHANGE).or_default();
        keys.write.add_prefix(REPLIES);
        for request in [STATS, DESCRIBE] {
            keys.read.add(request);
            keys.read.add(&key_of(request, name));
        }
        // Only administrators may send these.
        keys.read.add(&key_of(LOG_LEVEL, name));
        // Requests to one instance.
        for request in [STATS, LOG_LEVEL] {
            keys.read.add_prefix(&key_of(&key_of(request, name), ""));
        }
        self.write.add(TELEMETRY_EXCHANGE);
        self.keys.entry(TELEMETRY_EXCHANGE).or_default().write.add(&key_of(SPANS, name));
    }

    /// Requests the status and description of every process, and answers such requests itself.
    fn request_status_of_others(&mut self) {
        self.answer_status_requests(GATEWAY);
        let keys = self.keys.entry(CONTROL_EXCHANGE).or_default();
        for request in [STATS, DESCRIBE] {
            keys.write.add(request);
            keys.write.add_prefix(&key_of(request, ""));
        }
        keys.read.add_prefix(REPLIES);
        // Only administrators may send this one.
        keys.read.add(&key_of(TRACE, GATEWAY));
        self.read.add(TELEMETRY_EXCHANGE);
        self.keys.entry(TELEMETRY_EXCHANGE).or_default().read.add(&key_of(SPANS, "#"));
    }

    /// Declares queues of its own with this prefix.
    fn own_queues(&mut self, start: &str) {
        for names in [&mut self.configure, &mut self.write, &mut self.read] {
            names.add_prefix(start);
        }
    }

    fn owning(items: &[Item]) -> Self {
        let mut rights = Self::default();
        rights.own(items);
        rights
    }

    /// Declares these items, except the exchanges, which are shared.
    fn own(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Queue(name, _) = item {
                self.configure.add(name);
            }
            self.bind(item);
        }
    }

    fn bind(&mut self, item: &Item) {
        if let Item::Binding { queue, exchange, key } = item {
            self.write.add(queue);
            self.read.add(exchange);
            self.keys.entry(exchange).or_default().read.add(key);
        }
    }
}

/// Every process that connects to the broker, by its name, with its permissions.
pub fn accounts(delays_ms: &[u32]) -> Vec<(String, Permissions)> {
    let workers = PATTERNS.iter().map(|pattern| (process_name(pattern), Permissions::of_worker(pattern)));
    let listeners = LISTENERS.iter().map(|it| (process_name(it.name), Permissions::of_listener(it, delays_ms)));
    let relays = RELAYS.into_iter().map(|name| (process_name(name), Permissions::of_relay(name, service(name))));
    let gateway = std::iter::once(("gateway".to_owned(), Permissions::of_gateway()));
    let scaler = std::iter::once(("scaler".to_owned(), Permissions::of_scaler()));
    workers.chain(listeners).chain(relays).chain(gateway).chain(scaler).collect()
}

/// A regular expression that matches only this name.
pub(crate) fn escape(name: &str) -> String {
    name.chars().fold(String::new(), |mut escaped, character| {
        if !character.is_ascii_alphanumeric() && !matches!(character, '_' | '-') {
            escaped.push('\\');
        }
        escaped.push(character);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares configure, write, read, and the topic permissions.
    #[track_caller]
    fn assert_rights(process: &str, [configure, write, read]: [&str; 3], topics: &[(&'static str, &str, &str)]) {
        let accounts = accounts(&[1_000]);
        let (_, rights) = accounts.iter().find(|(name, _)| name == process).unwrap();
        assert_eq!((rights.configure(), rights.write(), rights.read()), (configure.into(), write.into(), read.into()));
        let wanted: Vec<_> =
            topics.iter().map(|(name, write, read)| (*name, (*write).into(), (*read).into())).collect();
        assert_eq!(rights.topics().collect::<Vec<_>>(), wanted);
    }

    /// The keys of the requests that a process receives.
    fn received_keys(name: &str) -> String {
        format!(
            r"^(describe|describe\.{name}|log-level\.{name}|log-level\.{name}\..*|stats|stats\.{name}|stats\.{name}\..*)$"
        )
    }

    #[test]
    fn a_worker_has_its_queue_and_may_reply() {
        let rights = [
            r"^(control\.users-login\..*|users\.login|users\.login\.redelivered)$",
            r"^(amq\.default|control|control\.users-login\..*|telemetry|users\.login)$",
            r"^(control|control\.users-login\..*|patterns|users\.login|users\.login\.redelivered)$",
        ];
        let control = ("control", r"^replies\..*$", &*received_keys("users\\.login"));
        let spans = ("telemetry", r"^spans\.users\.login$", "^$");
        assert_rights("users-login", rights, &[control, ("patterns", "^$", r"^users\.login$"), spans]);
    }

    #[test]
    fn a_listener_owns_its_queues_and_consumes_one() {
        let rights = [
            r"^(control\.users-on-order-created\..*|users\.on_order_created|users\.on_order_created\.dead|users\.on_order_created\.retry\.1000ms)$",
            r"^(amq\.default|control|control\.users-on-order-created\..*|telemetry|users\.on_order_created)$",
            r"^(control|control\.users-on-order-created\..*|events|users\.on_order_created)$",
        ];
        let control = ("control", r"^replies\..*$", &*received_keys("users\\.on_order_created"));
        let spans = ("telemetry", r"^spans\.users\.on_order_created$", "^$");
        assert_rights("users-on-order-created", rights, &[control, ("events", "^$", r"^order\.created$"), spans]);
    }

    #[test]
    fn a_relay_publishes_the_events_of_its_service_and_consumes_no_queue() {
        let rights = [
            r"^control\.orders-relay\..*$",
            r"^(control|control\.orders-relay\..*|events|telemetry|users\.on_order_created)$",
            r"^(control|control\.orders-relay\..*|events)$",
        ];
        let control = ("control", r"^replies\..*$", &*received_keys("orders\\.relay"));
        let spans = ("telemetry", r"^spans\.orders\.relay$", "^$");
        assert_rights("orders-relay", rights, &[control, ("events", r"^order\.created$", r"^order\.created$"), spans]);
    }

    #[test]
    fn the_gateway_owns_only_queues_that_end_with_it() {
        let rights = [
            r"^(control\.gateway\..*|expired\.gateway\..*|feed\..*)$",
            r"^(amq\.default|control|control\.gateway\..*|expired\.gateway\..*|feed\..*|telemetry)$",
            r"^(control|control\.gateway\..*|events|expired|expired\.gateway\..*|feed\..*|telemetry)$",
        ];
        let sent = r"^(describe|describe\..*|replies\..*|stats|stats\..*)$";
        let received = r"^(describe|describe\.gateway|log-level\.gateway|log-level\.gateway\..*|replies\..*|stats|stats\.gateway|stats\.gateway\..*|trace\.gateway)$";
        let control = ("control", sent, received);
        let spans = ("telemetry", r"^spans\.gateway$", r"^spans\.\#$");
        assert_rights("gateway", rights, &[control, ("events", "^$", r"^order\.created$"), spans]);
    }

    #[test]
    fn the_scaler_declares_its_lock_and_touches_no_message() {
        assert_rights("scaler", [r"^scaler\.leader$", "^$", "^$"], &[]);
    }

    #[test]
    fn every_process_has_one_account() {
        let accounts = accounts(&[]);
        let names: BTreeSet<&String> = accounts.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), accounts.len());
        assert_eq!(names.len(), PATTERNS.len() + LISTENERS.len() + 2 + 2);
    }

    #[test]
    fn an_escaped_name_matches_only_itself() {
        assert_eq!(escape("a.b_c-d+1|e$"), r"a\.b_c-d\+1\|e\$");
        assert_eq!(Names::default().expression(), "^$");
    }
}
