//! Looks an id up in the databases of the services. Reads no e-mail address, no title, no content.

use contracts::{SubscriptionInfo, Timestamp, naming};
use uuid::Uuid;
use worker_runtime::Reader;
use worker_runtime::db::Row;

use super::report::{EventTrace, Key, OrderRow, UserRow};
use crate::error::CliError;
use crate::tool::{PROCESS, Tool};

const ORDER: &str = "SELECT id, user_id, created_at FROM orders WHERE id = $1";
const USER: &str = "SELECT id, is_active, created_at FROM users WHERE id = $1";
const KEY: &str = "SELECT key, created_at FROM idempotency_keys WHERE user_id = $1 AND order_id = $2 LIMIT 1";
const APPLIED: &str = "SELECT applied_at FROM inbox WHERE listener = $1 AND event_id = $2";
/// What is told of an event, numbered or not. It is published if its number is marked.
macro_rules! told {
    () => {
        "SELECT id, name, aggregate, owner, request_id, created_at, error,
            CASE WHEN published_seq <= (SELECT marked FROM outbox_sequence) THEN published_at END AS published_at "
    };
}
/// Pending events, which have no index for this: there are few, unless the relay or the broker is away.
macro_rules! pending {
    () => {
        "SELECT seq, id, name, aggregate, owner, request_id, created_at, NULL::text AS error,
            NULL::bigint AS published_seq, NULL::timestamptz AS published_at FROM outbox_pending "
    };
}
macro_rules! numbered {
    () => {
        "SELECT seq, id, name, aggregate, owner, request_id, created_at, error, published_seq, published_at FROM outbox "
    };
}
/// By the event's id; the latest of an owner; those about an order of an owner. An index serves each.
const EVENTS: &str = concat!(
    told!(),
    "FROM (",
    numbered!(),
    "WHERE id = $1
        UNION (",
    numbered!(),
    "WHERE owner = $2 ORDER BY published_seq DESC NULLS LAST LIMIT 50)
        UNION ",
    numbered!(),
    "WHERE owner = $3 AND aggregate = $2
        UNION ",
    pending!(),
    "WHERE id = $1 OR owner = $2 OR (owner = $3 AND aggregate = $2)
    ) AS found ORDER BY seq"
);
/// Scans the latest events, up to a limit: an index on the request's id would cost every event.
const EVENTS_OF_REQUEST: &str = concat!(
    told!(),
    "FROM ((",
    numbered!(),
    "ORDER BY seq DESC LIMIT 200000) UNION ALL ",
    pending!(),
    ") AS last WHERE request_id = $1 ORDER BY seq LIMIT 50"
);

/// Connections to both databases.
pub(super) struct Records {
    users: Reader,
    orders: Reader,
}

impl Records {
    pub(super) async fn open(tool: &mut Tool) -> Result<Self, CliError> {
        let users = Reader::open(&mut tool.settings, "users", PROCESS).await?;
        Ok(Self { users, orders: Reader::open(&mut tool.settings, "orders", PROCESS).await? })
    }

    pub(super) async fn order(&self, id: Option<Uuid>) -> Result<Option<OrderRow>, CliError> {
        let row = self.orders.row(ORDER, &[&id]).await?;
        let order = |row: Row| OrderRow { id: row.get(0), user_id: row.get(1), created_at: Timestamp(row.get(2)) };
        Ok(row.map(order))
    }

    pub(super) async fn user(&self, id: Option<Uuid>) -> Result<Option<UserRow>, CliError> {
        let row = self.users.row(USER, &[&id]).await?;
        Ok(row.map(|row| UserRow { id: row.get(0), is_active: row.get(1), created_at: Timestamp(row.get(2)) }))
    }

    pub(super) async fn key(&self, order: &OrderRow) -> Result<Option<Key>, CliError> {
        let row = self.orders.row(KEY, &[&order.user_id, &order.id]).await?;
        Ok(row.map(|row| Key { key: row.get(0), created_at: Timestamp(row.get(1)) }))
    }

    /// When a listener applied an event.
    pub(super) async fn applied(
        &self,
        listener: &SubscriptionInfo,
        event: Uuid,
    ) -> Result<Option<Timestamp>, CliError> {
        let service = naming::service(listener.name);
        let reader = if service == "users" { &self.users } else { &self.orders };
        let row = reader.row(APPLIED, &[&listener.name, &event]).await?;
        Ok(row.map(|row| Timestamp(row.get(0))))
    }

    /// The events that belong to an id.
    pub(super) async fn events(
        &self,
        id: &str,
        uuid: Option<Uuid>,
        order: Option<&OrderRow>,
    ) -> Result<Vec<EventTrace>, CliError> {
        let owner = order.map(|order| order.user_id.as_str());
        let mut events = Vec::new();
        for reader in [&self.users, &self.orders] {
            events.extend(reader.rows(EVENTS, &[&uuid, &id, &owner]).await?.iter().map(event));
        }
        if events.is_empty() {
            for reader in [&self.users, &self.orders] {
                events.extend(reader.rows(EVENTS_OF_REQUEST, &[&id]).await?.iter().map(event));
            }
        }
        Ok(events)
    }
}

fn event(row: &Row) -> EventTrace {
    EventTrace {
        id: row.get("id"),
        event: row.get("name"),
        about: row.get("aggregate"),
        owner: row.get("owner"),
        request_id: row.get("request_id"),
        recorded_at: Some(Timestamp(row.get("created_at"))),
        published_at: row.get::<_, Option<_>>("published_at").map(Timestamp),
        set_aside: row.get("error"),
        listeners: Vec::new(),
    }
}
