//! `orders.list` — shows a user's orders, newest first, a page at a time.

use std::process::ExitCode;

use contracts::orders::{ListOrders, Order, OrderPage};
use contracts::{Cursor, PageSize};
use orders::{order, order_columns};
use worker::{Call, Db, Failure};

const FIRST_PAGE: &str =
    concat!("SELECT ", order_columns!(), " FROM orders WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2");

// By keyset, not OFFSET: a page costs the same however far down it is, and new orders shift nothing.
const NEXT_PAGE: &str = concat!(
    "SELECT ",
    order_columns!(),
    " FROM orders WHERE user_id = $1
        AND (created_at, id) < ('epoch'::timestamptz + $3::bigint * interval '1 microsecond', $4)
      ORDER BY created_at DESC, id DESC LIMIT $2"
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(list).await
}

async fn list(call: Call<ListOrders>, db: &Db) -> Result<OrderPage, Failure> {
    let caller = call.caller()?;
    let ListOrders { limit, cursor } = call.data;
    // One row more than asked for tells whether there is a next page.
    let wanted = i64::from(limit.rows()) + 1;
    let rows = match cursor {
        None => db.rows(FIRST_PAGE, &[&caller, &wanted]).await?,
        Some(after) => db.rows(NEXT_PAGE, &[&caller, &wanted, &after.micros, &after.id]).await?,
    };
    Ok(page(rows.iter().map(order).collect(), limit))
}

fn page(mut items: Vec<Order>, limit: PageSize) -> OrderPage {
    let more = items.len() > usize::from(limit.rows());
    items.truncate(limit.rows().into());
    let last = items.last().filter(|_| more);
    let next = last.map(|order| Cursor { micros: order.created_at.0.as_microsecond(), id: order.id });
    OrderPage { items, next }
}
