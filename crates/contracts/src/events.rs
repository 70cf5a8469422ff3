//! Events: what services publish, and which listeners subscribe.
//!
//! An event reports something that has happened. It is recorded in the outbox together with the row it is about,
//! published to the exchange `events` under its name, and applied once by each of its listeners.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::HasSchema;
use crate::orders::Order;
use crate::users::User;

/// An event type.
pub trait Event: Serialize + DeserializeOwned + HasSchema {
    /// The event's name, which is also its routing key. Frozen: other systems subscribe to it.
    const NAME: &'static str;
    /// The service that publishes it.
    const SERVICE: &'static str;
    /// Raised when a change breaks subscribers.
    const VERSION: u32 = 1;
    /// An event of this type as JSON, with every field in it; published, and read by a test.
    const EXAMPLE: &'static str;

    /// The id of what the event is about. Events about the same thing keep their order.
    fn aggregate(&self) -> String;

    /// The user who owns what the event is about, and who may follow it live.
    fn owner(&self) -> String;
}

/// A listener of one event. Its queue has its name, and its process the same name with dashes.
pub trait Subscriber {
    /// The listener's name, which is also its queue's. Frozen: messages wait in that queue.
    const NAME: &'static str;
    /// The event it subscribes to.
    type Event: Event;
}

/// `order.created` — an order was placed.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct OrderCreated(pub Order);

impl Event for OrderCreated {
    const NAME: &'static str = "order.created";
    const SERVICE: &'static str = "orders";
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000001", "title": "Analytical engine", "description": "One, with punched cards", "price": 1999.99, "userId": "0199f0a0-7c3e-7000-8000-000000000002", "orderReference": "A-7", "createdAt": "2026-01-31T12:00:00.000Z", "updatedAt": "2026-01-31T12:00:00.000Z"}"#;

    fn aggregate(&self) -> String {
        self.0.id.to_string()
    }

    fn owner(&self) -> String {
        self.0.user_id.clone()
    }
}

/// `user.registered` — somebody opened an account.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UserRegistered(pub User);

impl Event for UserRegistered {
    const NAME: &'static str = "user.registered";
    const SERVICE: &'static str = "users";
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000002", "email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace"}"#;

    fn aggregate(&self) -> String {
        self.0.id.to_string()
    }

    fn owner(&self) -> String {
        self.0.id.to_string()
    }
}

/// `user.updated` — somebody changed their name.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UserUpdated(pub ChangedUser);

/// An account after a change.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangedUser {
    /// The account as it is now.
    #[serde(flatten)]
    pub user: User,
    /// The number of the change: of two events, the one with the higher number is newer, whichever arrives first.
    pub version: i64,
}

impl Event for UserUpdated {
    const NAME: &'static str = "user.updated";
    const SERVICE: &'static str = "users";
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000002", "email": "ada@example.org", "firstName": "Ada", "lastName": "King", "version": 1}"#;

    fn aggregate(&self) -> String {
        self.0.user.id.to_string()
    }

    fn owner(&self) -> String {
        self.0.user.id.to_string()
    }
}

/// `users.on_order_created` — keeps how many orders each user has placed, and for how much.
pub enum CountOrders {}

impl Subscriber for CountOrders {
    const NAME: &'static str = "users.on_order_created";
    type Event = OrderCreated;
}

/// `orders.on_user_registered` — keeps a copy of the customers' names and addresses.
pub enum KnowCustomers {}

impl Subscriber for KnowCustomers {
    const NAME: &'static str = "orders.on_user_registered";
    type Event = UserRegistered;
}

/// `orders.on_user_updated` — keeps the customers' names up to date.
pub enum FollowCustomers {}

impl Subscriber for FollowCustomers {
    const NAME: &'static str = "orders.on_user_updated";
    type Event = UserUpdated;
}

/// A listener, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionInfo {
    /// The listener's name.
    pub name: &'static str,
    /// The name of the event it subscribes to.
    pub event: &'static str,
    /// The service that publishes the event.
    pub published_by: &'static str,
}

impl SubscriptionInfo {
    /// The data of a listener type.
    pub const fn of<L: Subscriber>() -> Self {
        Self { name: L::NAME, event: L::Event::NAME, published_by: L::Event::SERVICE }
    }
}

/// An event type, as data.
#[derive(Clone, Copy)]
pub struct EventContract {
    /// Its name.
    pub name: &'static str,
    /// The service that publishes it.
    pub service: &'static str,
    /// Raised when a change breaks subscribers.
    pub version: u32,
    /// An event of this type, as JSON.
    pub example: &'static str,
    /// Its schema, with descriptions.
    #[cfg(feature = "schema")]
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl EventContract {
    /// The contract of an event type.
    pub const fn of<E: Event>() -> Self {
        Self {
            name: E::NAME,
            service: E::SERVICE,
            version: E::VERSION,
            example: E::EXAMPLE,
            #[cfg(feature = "schema")]
            schema: |generator| generator.subschema_for::<E>(),
        }
    }
}

/// Every event of the system.
pub const EVENTS: [EventContract; 3] =
    [EventContract::of::<OrderCreated>(), EventContract::of::<UserRegistered>(), EventContract::of::<UserUpdated>()];

/// The events that their owners can follow live through the gateway.
pub const FOLLOWED: [&str; 1] = [OrderCreated::NAME];

/// Every listener of the system.
pub const LISTENERS: [SubscriptionInfo; 3] = [
    SubscriptionInfo::of::<CountOrders>(),
    SubscriptionInfo::of::<KnowCustomers>(),
    SubscriptionInfo::of::<FollowCustomers>(),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<E: Event>() {
        let event: E = serde_json::from_str(E::EXAMPLE).unwrap();
        let example: serde_json::Value = serde_json::from_str(E::EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), example, "{}", E::NAME);
        assert!(!event.aggregate().is_empty() && !event.owner().is_empty());
    }

    #[test]
    fn every_listener_subscribes_to_a_published_event() {
        for listener in LISTENERS {
            assert!(EVENTS.iter().any(|event| event.name == listener.event), "{} is not in EVENTS", listener.event);
        }
    }

    #[test]
    fn an_event_survives_the_round_trip() {
        reads_back::<OrderCreated>();
        reads_back::<UserRegistered>();
        reads_back::<UserUpdated>();
    }

    #[test]
    fn fields_that_a_later_release_adds_are_ignored() {
        let later = UserRegistered::EXAMPLE.replacen('{', r#"{"new": [1], "#, 1);
        assert!(serde_json::from_str::<UserRegistered>(&later).is_ok());
    }
}
