//! `orders.history` — shows the events of an order to its owner.
//!
//! It knows when events were recorded and published. Which listeners have applied them is known to the listeners' services.

use std::process::ExitCode;

use contracts::orders::{EventHistory, ListenerHistory, ListenerStatus, OrderHistory, ShowHistory};
use contracts::{Code, LISTENERS, Timestamp};
use worker_runtime::db::Row;
use worker_runtime::{Call, Db, Failure};

/// One row for each event of the order; a single row without an event if there are none.
const FIND: &str = "SELECT orders.user_id, orders.created_at AS order_created_at,
        outbox.id, outbox.name, outbox.created_at, outbox.published_at, outbox.failed_at
    FROM orders LEFT JOIN outbox ON outbox.aggregate = orders.id::text
    WHERE orders.id = $1 ORDER BY outbox.seq LIMIT 100";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(history).await
}

async fn history(call: Call<ShowHistory>, db: &Db) -> Result<OrderHistory, Failure> {
    let caller = call.caller()?;
    let rows = db.rows(FIND, &[&call.data.id]).await?;
    let order = rows.first().ok_or_else(|| Failure::answer(Code::OrderNotFound, "There is no order with this id."))?;
    if order.get::<_, &str>("user_id") != caller {
        return Err(Failure::answer(Code::PermissionDenied, "This order belongs to somebody else."));
    }
    Ok(OrderHistory {
        order_id: call.data.id,
        recorded_at: Timestamp(order.get("order_created_at")),
        events: rows.iter().filter_map(event).collect(),
    })
}

fn event(row: &Row) -> Option<EventHistory> {
    let name: String = row.get::<_, Option<String>>("name")?;
    let at = |column| row.get::<_, Option<_>>(column).map(Timestamp);
    let listener =
        |name: &str| ListenerHistory { name: name.to_owned(), status: ListenerStatus::Unknown, applied_at: None };
    Some(EventHistory {
        id: row.get("id"),
        recorded_at: Timestamp(row.get("created_at")),
        published_at: at("published_at"),
        failed_at: at("failed_at"),
        listeners: LISTENERS.iter().filter(|it| it.event == name).map(|it| listener(it.name)).collect(),
        name,
    })
}
