//! `orders.create` — places an order for the caller, once however often the request comes.
//!
//! Twice over: the order's id is the request's, so a redelivered request finds its own row; and a client's
//! `Idempotency-Key` makes several requests one.

use std::process::ExitCode;

use contracts::orders::{CreateOrder, Order};
use contracts::{Code, Text};
use orders::{order, order_columns};
use worker::{Call, Db, Failure};

/// Places it; no row when this request placed it before.
const PLACE: &str = concat!(
    "INSERT INTO orders (id, user_id, title, description, price, order_reference)
     VALUES ($1, $2, $3, $4, $5::bigint::numeric / 100, $6)
     ON CONFLICT (id) DO NOTHING
     RETURNING ",
    order_columns!()
);

const FIND: &str = concat!("SELECT ", order_columns!(), " FROM orders WHERE id = $1 AND user_id = $2");

/// Claims the key and places the order, together or not at all. `free` is false while another request with this key
/// is under way: the lock is the transaction's, so it is held exactly as long as the outcome is open. The caller's keys
/// of yesterday go away meanwhile, so that the table does not grow for ever.
const PLACE_WITH_KEY: &str = concat!(
    "WITH key AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtextextended($2 || chr(10) || $7, 0)) AS free
     ), claimed AS (
        INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, order_id)
        SELECT $2, 'orders.create', $7, sha256($8), $1 FROM key WHERE free
        ON CONFLICT DO NOTHING
        RETURNING order_id
     ), swept AS (
        DELETE FROM idempotency_keys
        WHERE user_id = $2 AND key <> $7 AND created_at < now() - interval '24 hours'
     ), placed AS (
        INSERT INTO orders (id, user_id, title, description, price, order_reference)
        SELECT $1, $2, $3, $4, $5::bigint::numeric / 100, $6 FROM claimed
        RETURNING *
     )
     SELECT key.free, ",
    order_columns!(),
    " FROM key LEFT JOIN placed ON true"
);

/// What a key stands for, and whether it came with the same payload.
const FIND_BY_KEY: &str = concat!(
    "SELECT fingerprint = sha256($3) AS same_payload, placed.*
     FROM idempotency_keys JOIN LATERAL (SELECT ",
    order_columns!(),
    " FROM orders WHERE orders.id = order_id) AS placed ON true
     WHERE idempotency_keys.user_id = $1 AND operation = 'orders.create' AND key = $2"
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(create).await
}

async fn create(call: Call<CreateOrder>, db: &Db) -> Result<Order, Failure> {
    match &call.idempotency_key {
        None => place(&call, db).await,
        Some(key) => place_once(&call, key, db).await,
    }
}

async fn place(call: &Call<CreateOrder>, db: &Db) -> Result<Order, Failure> {
    let (caller, wanted) = (call.caller()?, Wanted::from(&call.data));
    let Wanted { title, description, cents, reference } = &wanted;
    let placed = db.row(PLACE, &[&call.id, &caller, title, description, cents, reference]).await?;
    if let Some(row) = placed {
        return Ok(order(&row));
    }
    let before = db.row(FIND, &[&call.id, &caller]).await?;
    before.as_ref().map(order).ok_or_else(|| Failure::broken("the request's id belongs to another user's order"))
}

async fn place_once(call: &Call<CreateOrder>, key: &str, db: &Db) -> Result<Order, Failure> {
    let (caller, wanted) = (call.caller()?, Wanted::from(&call.data));
    let Wanted { title, description, cents, reference } = &wanted;
    let payload = serde_json::to_vec(&call.data).map_err(Failure::broken)?;
    let row =
        db.row(PLACE_WITH_KEY, &[&call.id, &caller, title, description, cents, reference, &key, &payload]).await?;
    let row = row.ok_or_else(|| Failure::broken("the statement gave no row"))?;
    if !row.get::<_, bool>("free") {
        return Err(Failure::answer(
            Code::IdempotencyKeyInUse,
            "A request with this idempotency key is still running.",
        ));
    }
    if row.get::<_, Option<&str>>("title").is_some() {
        return Ok(order(&row));
    }
    let before = db.row(FIND_BY_KEY, &[&caller, &key, &payload]).await?;
    let before = before.ok_or_else(|| Failure::broken("the key is taken and stands for nothing"))?;
    if before.get("same_payload") {
        Ok(order(&before))
    } else {
        Err(Failure::answer(Code::IdempotencyKeyReused, "This idempotency key was used with another payload."))
    }
}

/// The order's content as SQL parameters.
struct Wanted<'a> {
    title: &'a str,
    description: &'a str,
    cents: i64,
    reference: Option<&'a str>,
}

impl<'a> From<&'a CreateOrder> for Wanted<'a> {
    fn from(data: &'a CreateOrder) -> Self {
        Self {
            title: data.title.as_str(),
            description: data.description.as_str(),
            cents: data.price.cents(),
            reference: data.order_reference.as_ref().map(Text::as_str),
        }
    }
}
