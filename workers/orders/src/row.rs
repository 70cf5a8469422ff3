//! Reads an order from a row.

use contracts::orders::Order;
use contracts::{Price, Timestamp};
use worker_runtime::db::Row;

/// The columns of an order, in the one order that [`order`] reads. The price leaves the database in whole cents.
#[macro_export]
macro_rules! order_columns {
    () => {
        "id, title, description, (price * 100)::bigint AS cents, user_id, order_reference, created_at, updated_at"
    };
}

/// Reads an order from a row of [`order_columns!`].
pub fn order(row: &Row) -> Order {
    Order {
        id: row.get("id"),
        title: row.get("title"),
        description: row.get("description"),
        price: Price::from_cents(row.get("cents")),
        user_id: row.get("user_id"),
        order_reference: row.get("order_reference"),
        created_at: Timestamp(row.get("created_at")),
        updated_at: Timestamp(row.get("updated_at")),
    }
}
