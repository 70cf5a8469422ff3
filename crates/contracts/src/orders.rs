//! The requests of the order service, and its replies.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::fault::Code;
use crate::message::input::Fields;
use crate::message::page::{Cursor, PageSize};
use crate::message::request::Request;
use crate::types::price::Price;
use crate::types::search::{Amount, Count, Flag, Moment, SearchText, Sort, fingerprint};
use crate::types::text::{Lines, Text};
use crate::types::timestamp::Timestamp;

/// `orders.create` — places an order for the caller.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateOrder {
    /// What is ordered, in a few words.
    pub title: Text<1, 100>,
    /// What is ordered, in full.
    pub description: Lines<1, 1000>,
    /// What it costs.
    pub price: Price,
    /// The customer's own reference.
    pub order_reference: Option<Text<0, 100>>,
}

impl Request for CreateOrder {
    const PATTERN: &'static str = "orders.create";
    const SAFE: bool = false;
    const EXAMPLE: &'static str = r#"{"title": "Analytical engine", "description": "One, with punched cards", "price": 1999.99, "orderReference": "A-7"}"#;
    const FAULTS: &'static [Code] = &[Code::IdempotencyKeyInUse, Code::IdempotencyKeyReused];
    type Reply = Order;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let title = input.required("title");
        let description = input.required("description");
        let price = input.required("price");
        let order_reference = input.optional("orderReference");
        Some(Self { title: title?, description: description?, price: price?, order_reference: order_reference? })
    }
}

/// `orders.list` — lists or searches the caller's orders, a page at a time. If matches are rare in a long list, a page may
/// have fewer orders than requested, or none, and still have a next page.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListOrders {
    /// The number of orders per page.
    pub limit: PageSize,
    /// The cursor of the previous page; absent for the first page. It is valid only with the same filters and sort order.
    pub cursor: Option<Cursor>,
    /// Only orders with this text in their title or description, ignoring case.
    pub q: Option<SearchText>,
    /// Only orders placed at this time or later: a date (its midnight in UTC), or a date and time.
    pub from: Option<Moment>,
    /// Only orders placed before this time.
    pub to: Option<Moment>,
    /// Only orders with at least this price.
    pub min: Option<Amount>,
    /// Only orders with at most this price.
    pub max: Option<Amount>,
    /// The sort order.
    pub sort: Sort,
    /// Whether to count all matching orders, up to 1000.
    pub total: Flag,
}

impl ListOrders {
    /// The fingerprint that a cursor must have.
    pub fn filters(&self) -> u16 {
        let Self { q, from, to, min, max, sort, .. } = self;
        if (q, from, to, min, max, sort) == (&None, &None, &None, &None, &None, &Sort::Newest) {
            return 0;
        }
        let moment = |at: &Option<Moment>| at.map(|Moment(at)| at.0.as_nanosecond().to_string()).unwrap_or_default();
        let amount = |amount: &Option<Amount>| amount.map(|amount| amount.cents().to_string()).unwrap_or_default();
        let q = q.as_ref().map(SearchText::as_str).unwrap_or_default();
        fingerprint(&[&format!("{sort:?}"), q, &moment(from), &moment(to), &amount(min), &amount(max)])
    }
}

impl Request for ListOrders {
    const PATTERN: &'static str = "orders.list";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"limit": 20, "cursor": "c11c64a2b1c0d8e400199f0a07c3e70008000000000000001", "q": "engine", "from": "2026-01-01", "to": "2027-01-01T00:00:00Z", "min": 0.5, "max": 2000, "sort": "newest", "total": true}"#;
    type Reply = OrderPage;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let limit = input.optional("limit");
        let cursor = input.optional("cursor");
        let q = input.optional("q");
        let from = input.optional("from");
        let to = input.optional("to");
        let min = input.optional("min");
        let max = input.optional("max");
        let sort = input.optional("sort");
        let total = input.optional("total");
        let list = Self {
            limit: limit?.unwrap_or_default(),
            cursor: cursor?,
            q: q?,
            from: from?,
            to: to?,
            min: min?,
            max: max?,
            sort: sort?.unwrap_or_default(),
            total: total?.unwrap_or_default(),
        };
        list.check(input);
        Some(list)
    }
}

impl ListOrders {
    /// Checks rules that concern several fields.
    fn check(&self, input: &mut impl Fields) {
        if self.from.zip(self.to).is_some_and(|(from, to)| from >= to) {
            input.refuse("to", "must be later than `from`");
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max) {
            input.refuse("max", "must not be less than `min`");
        }
        if self.cursor.is_some_and(|cursor| cursor.filters != self.filters()) {
            input.refuse("cursor", "belongs to other filters or another sort order: start with the first page");
        }
    }
}

/// `orders.get` — shows one of the caller's orders.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetOrder {
    /// The order's id.
    pub id: Uuid,
}

impl Request for GetOrder {
    const PATTERN: &'static str = "orders.get";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000001"}"#;
    const FAULTS: &'static [Code] = &[Code::PermissionDenied, Code::OrderNotFound];
    type Reply = OrderDetail;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let id = input.required("id");
        Some(Self { id: id? })
    }
}

/// `orders.history` — shows the events of one of the caller's orders, and when each was recorded and published.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShowHistory {
    /// The order's id.
    pub id: Uuid,
}

impl Request for ShowHistory {
    const PATTERN: &'static str = "orders.history";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000001"}"#;
    const FAULTS: &'static [Code] = &[Code::PermissionDenied, Code::OrderNotFound];
    type Reply = OrderHistory;

    fn read(input: &mut impl Fields) -> Option<Self> {
        Some(Self { id: input.required("id")? })
    }
}

/// The events of an order.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderHistory {
    /// The order's id.
    pub order_id: Uuid,
    /// When the order was recorded.
    pub recorded_at: Timestamp,
    /// Its events, in the order in which they were recorded. Published events are removed after a while, so the list may be
    /// empty.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub events: Vec<EventHistory>,
}

/// The state of an event.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventHistory {
    /// The event's id.
    pub id: Uuid,
    /// Its name, such as `order.created`.
    pub name: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When the broker confirmed it; `null` until then. A listener may apply the event shortly before this is recorded.
    pub published_at: Option<Timestamp>,
    /// When it was set aside because it cannot be published; an operator must resolve this.
    pub failed_at: Option<Timestamp>,
    /// Every listener that subscribes to it.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    pub listeners: Vec<ListenerHistory>,
}

/// The state of an event at a listener.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListenerHistory {
    /// The listener's name.
    pub name: String,
    /// The state of the event there.
    pub status: ListenerStatus,
    /// When it applied the event; `null` if it has not.
    pub applied_at: Option<Timestamp>,
}

/// The state of an event at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ListenerStatus {
    /// The event has taken effect.
    Applied,
    /// It has not taken effect: it waits, is retried, or is dead-lettered.
    Waiting,
    /// Its service did not reply, or no longer has entries of that age.
    Unknown,
}

/// `orders.events` — lists the caller's events after a known one, in the order in which they were published: those that an
/// interrupted live feed has missed.
#[derive(Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListEvents {
    /// The last event seen. If it is absent or unknown, the list covers the last ten minutes, at most ten thousand events. The
    /// nil UUID comes before every event, the maximum UUID after the last one.
    pub after: Option<Uuid>,
}

impl Request for ListEvents {
    const PATTERN: &'static str = "orders.events";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"after": "0199f0a0-7c3e-7000-8000-000000000003"}"#;
    type Reply = EventPage;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let after = input.optional("after");
        Some(Self { after: after? })
    }
}

/// Events in the order in which they were published.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventPage {
    /// The events, at most 200.
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    pub items: Vec<RecordedEvent>,
    /// Whether there are more events after these.
    pub more: bool,
    /// The last of these events, or else the one that they come after; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Place>,
}

/// A position in the order in which the caller's events were published.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Place {
    /// The event's id.
    pub id: Uuid,
    /// Its sequence number; later events have higher ones.
    pub sequence: i64,
}

/// An event as it was recorded.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordedEvent {
    /// Its id.
    pub id: Uuid,
    /// Its name, such as `order.created`.
    pub name: String,
    /// Its data.
    #[cfg_attr(feature = "schema", schemars(with = "Order"))]
    pub data: Box<RawValue>,
}

/// An order with its customer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderDetail {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// The customer; absent until the order service has received the event of their registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
}

/// What the order service knows about a user.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// The address as it was registered.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(…)")
    }
}

/// An order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order's id.
    pub id: Uuid,
    /// What is ordered, in a few words.
    pub title: String,
    /// What is ordered, in full.
    pub description: String,
    /// What it costs, with at most two decimals.
    pub price: Price,
    /// The user who placed it: the id of an account, or the subject of another issuer's token.
    pub user_id: String,
    /// The customer's own reference.
    pub order_reference: Option<String>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One page of a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderPage {
    /// The orders.
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub items: Vec<Order>,
    /// The cursor of the next page; `null` on the last page.
    pub next: Option<Cursor>,
    /// The number of all matching orders, if it was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Count>,
}
