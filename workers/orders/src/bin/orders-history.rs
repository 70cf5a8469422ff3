//! `orders.history` — shows the events of an order to its owner.
//!
//! It knows when events were recorded and published. Which listeners have applied them is known to the listeners' services.

use std::process::ExitCode;

use contracts::orders::{EventHistory, ListenerHistory, ListenerStatus, OrderHistory, ShowHistory};
use contracts::{Code, LISTENERS, Timestamp};
use worker_runtime::db::Row;
use worker_runtime::{Call, Db, Failure};

/// One row for each event of the order; a single row without an event if there are none. A numbered event is published
/// once its number is marked.
const FIND: &str = "SELECT orders.user_id, orders.created_at AS order_created_at,
        event.id, event.name, event.created_at, event.published_at, event.failed_at
    FROM orders LEFT JOIN LATERAL (
        SELECT seq, id, name, created_at, failed_at,
            CASE WHEN published_seq <= (SELECT marked FROM outbox_sequence) THEN published_at END AS published_at
        FROM outbox WHERE aggregate = orders.id::text
        UNION ALL
        SELECT seq, id, name, created_at, NULL, NULL FROM outbox_pending WHERE aggregate = orders.id::text
    ) AS event ON true
    WHERE orders.id = $1 ORDER BY event.seq LIMIT 100";

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
