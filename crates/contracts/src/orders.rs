//! What can be asked of the order service, and what it answers.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{Code, Cursor, Fields, Instant, PageSize, Price, Request, Text};

/// `orders.create` — places an order for the caller.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrder {
    /// What is ordered, in a few words.
    pub title: Text<1, 100>,
    /// What is ordered, in full.
    pub description: Text<1, 1000>,
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

/// `orders.list` — the caller's orders, newest first, a page at a time.
#[derive(Debug, JsonSchema)]
pub struct ListOrders {
    /// How many.
    pub limit: PageSize,
    /// The place to go on from; absent for the first page.
    pub cursor: Option<Cursor>,
}

impl Request for ListOrders {
    const PATTERN: &'static str = "orders.list";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"limit": 20, "cursor": "c00064a2b1c0d8e400199f0a07c3e70008000000000000001"}"#;
    type Reply = OrderPage;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let limit = input.optional("limit");
        let cursor = input.optional("cursor");
        Some(Self { limit: limit?.unwrap_or_default(), cursor: cursor? })
    }
}

/// `orders.get` — one order of the caller's.
#[derive(Debug, JsonSchema)]
pub struct GetOrder {
    /// Which.
    pub id: Uuid,
}

impl Request for GetOrder {
    const PATTERN: &'static str = "orders.get";
    const SAFE: bool = true;
    const EXAMPLE: &'static str = r#"{"id": "0199f0a0-7c3e-7000-8000-000000000001"}"#;
    const FAULTS: &'static [Code] = &[Code::PermissionDenied, Code::OrderNotFound];
    type Reply = Order;

    fn read(input: &mut impl Fields) -> Option<Self> {
        let id = input.required("id");
        Some(Self { id: id? })
    }
}

/// An order.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order's id.
    pub id: Uuid,
    /// What is ordered, in a few words.
    pub title: String,
    /// What is ordered, in full.
    pub description: String,
    /// What it costs.
    pub price: Price,
    /// Whose order it is.
    pub user_id: String,
    /// The customer's own reference.
    pub order_reference: Option<String>,
    /// When it was placed.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrderPage {
    /// The orders, newest first.
    pub items: Vec<Order>,
    /// Where the next page begins; `null` on the last.
    pub next: Option<Cursor>,
}
