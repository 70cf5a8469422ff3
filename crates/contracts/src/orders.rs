//! What can be asked of the order service, and what it answers.

use serde::Serialize;
use uuid::Uuid;

use crate::{Cursor, Input, Instant, PageSize, Price, Request, Text};

/// `orders.create` — places an order for the caller.
#[derive(Debug, Serialize)]
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
    type Reply = Order;

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let title = input.required("title");
        let description = input.required("description");
        let price = input.required("price");
        let order_reference = input.optional("orderReference");
        Some(Self { title: title?, description: description?, price: price?, order_reference: order_reference? })
    }
}

/// `orders.list` — the caller's orders, newest first, a page at a time.
#[derive(Debug)]
pub struct ListOrders {
    /// How many.
    pub limit: PageSize,
    /// The place to go on from; absent for the first page.
    pub cursor: Option<Cursor>,
}

impl Request for ListOrders {
    const PATTERN: &'static str = "orders.list";
    const SAFE: bool = true;
    type Reply = OrderPage;

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let limit = input.optional("limit");
        let cursor = input.optional("cursor");
        Some(Self { limit: limit?.unwrap_or_default(), cursor: cursor? })
    }
}

/// `orders.get` — one order of the caller's.
#[derive(Debug)]
pub struct GetOrder {
    /// Which.
    pub id: Uuid,
}

impl Request for GetOrder {
    const PATTERN: &'static str = "orders.get";
    const SAFE: bool = true;
    type Reply = Order;

    fn read(input: &mut Input<'_>) -> Option<Self> {
        let id = input.required("id");
        Some(Self { id: id? })
    }
}

/// An order.
#[derive(Debug, Serialize)]
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
#[derive(Debug, Serialize)]
pub struct OrderPage {
    /// The orders, newest first.
    pub items: Vec<Order>,
    /// Where the next page begins; `null` on the last.
    pub next: Option<Cursor>,
}
