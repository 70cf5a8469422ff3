//! `orders.create` — places an order for the caller, once however often the request arrives.
//!
//! The order's id is the request's, so a redelivered request finds its own row; and a client's `Idempotency-Key` makes
//! several requests one.

use std::process::ExitCode;

use contracts::events::OrderCreated;
use contracts::orders::{CreateOrder, Order};
use contracts::{Code, Timestamp};
use orders::{order, order_columns};
use runtime::StartError;
use worker_runtime::db::ToSql;
use worker_runtime::{Call, Context, Db, Dependencies, Failure, OutboxRecord};

/// Places the order and records its event; no row if this request placed it before.
const PLACE: &str = concat!(
    "WITH placed AS (
        INSERT INTO orders (id, user_id, title, description, price, order_reference, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5::bigint::numeric / 100, $6, $7, $7)
        ON CONFLICT (id) DO NOTHING
        RETURNING *
     ), recorded AS (",
    worker_runtime::record!("placed", "$8"),
    ") SELECT ",
    order_columns!(),
    " FROM placed"
);

const FIND: &str = concat!("SELECT ", order_columns!(), " FROM orders WHERE id = $1");

/// Claims the key, places the order and records its event, all or nothing. `free` is false while another request with
/// this key is running: the lock belongs to the transaction, so it is held exactly until the outcome is known.
const PLACE_WITH_KEY: &str = concat!(
    "WITH key AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(hashtextextended($2 || chr(10) || $9, 0)) AS free
     ), claimed AS (
        INSERT INTO idempotency_keys (user_id, operation, key, fingerprint, order_id)
        SELECT $2, 'orders.create', $9, sha256($10), $1 FROM key WHERE free AND NOT EXISTS (SELECT FROM orders WHERE id = $1)
        ON CONFLICT DO NOTHING
        RETURNING order_id
     ), placed AS (
        INSERT INTO orders (id, user_id, title, description, price, order_reference, created_at, updated_at)
        SELECT $1, $2, $3, $4, $5::bigint::numeric / 100, $6, $7, $7 FROM claimed
        ON CONFLICT (id) DO NOTHING
        RETURNING *
     ), recorded AS (",
    worker_runtime::record!("placed", "$8"),
    ") SELECT key.free, ",
    order_columns!(),
    " FROM key LEFT JOIN placed ON true"
);

/// The order that a key belongs to, and whether its payload was the same.
const FIND_BY_KEY: &str = concat!(
    "SELECT fingerprint = sha256($3) AS same_payload, placed.*
     FROM idempotency_keys JOIN LATERAL (SELECT ",
    order_columns!(),
    " FROM orders WHERE orders.id = order_id AND orders.user_id = $1) AS placed ON true
     WHERE idempotency_keys.user_id = $1 AND operation = 'orders.create' AND key = $2"
);

/// A key is remembered for a day at least.
const SWEEP: &str = "DELETE FROM idempotency_keys WHERE (user_id, operation, key) IN (
    SELECT user_id, operation, key FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
    ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// How often a key is claimed that was taken and then released: the pruning can come in between.
const CLAIMS: usize = 3;

/// The orders database, from which old keys are pruned.
struct Orders(Db);

impl Dependencies for Orders {
    async fn open(context: &mut Context<'_>) -> Result<Self, StartError> {
        let db = Db::open(context).await?;
        db.prune("idempotency keys", SWEEP);
        Ok(Self(db))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(create).await
}

async fn create(call: Call<CreateOrder>, Orders(db): &Orders) -> Result<Order, Failure> {
    match &call.idempotency_key {
        None => place(&call, db).await,
        Some(key) => place_once(&call, key, db).await,
    }
}

async fn place(call: &Call<CreateOrder>, db: &Db) -> Result<Order, Failure> {
    let wanted = Wanted::new(call)?;
    let placed = db.row(PLACE, &wanted.parameters()).await?;
    if let Some(row) = placed {
        return Ok(order(&row));
    }
    placed_before(&wanted, db).await
}

/// The order that this request placed when it was delivered before; an error if the id belongs to another request.
async fn placed_before(wanted: &Wanted, db: &Db) -> Result<Order, Failure> {
    let before = find_placed(wanted, db).await?;
    before.ok_or_else(|| Failure::broken("the request's id is taken, but there is no order with it"))
}

async fn find_placed(wanted: &Wanted, db: &Db) -> Result<Option<Order>, Failure> {
    match db.row(FIND, &[&wanted.order.id]).await?.as_ref().map(order) {
        Some(before) if !wanted.is_same_as(&before) => Err(Failure::answer(
            Code::MessageIdReused,
            "Another request has this message id: each needs one of its own.",
        )),
        before => Ok(before),
    }
}

async fn place_once(call: &Call<CreateOrder>, key: &str, db: &Db) -> Result<Order, Failure> {
    let wanted = Wanted::new(call)?;
    let payload = serde_json::to_vec(&call.data).map_err(Failure::broken)?;
    let mut parameters = wanted.parameters().to_vec();
    parameters.extend([&key as &(dyn ToSql + Sync), &payload]);
    for _ in 0..CLAIMS {
        let row = db.row(PLACE_WITH_KEY, &parameters).await?;
        let row = row.ok_or_else(|| Failure::broken("the statement returned no row"))?;
        if !row.get::<_, bool>("free") {
            return Err(in_use());
        }
        if row.get::<_, Option<&str>>("title").is_some() {
            return Ok(order(&row));
        }
        let Some(before) = db.row(FIND_BY_KEY, &[&wanted.order.user_id, &key, &payload]).await? else {
            // Either the request's id is taken, or the key was pruned in between.
            match find_placed(&wanted, db).await? {
                Some(before) => return Ok(before),
                None => continue,
            }
        };
        if before.get("same_payload") {
            return Ok(order(&before));
        }
        return Err(Failure::answer(Code::IdempotencyKeyReused, "This idempotency key was used with another payload."));
    }
    Err(Failure::broken("the idempotency key is taken, but there is no order for it"))
}

fn in_use() -> Failure {
    Failure::answer(Code::IdempotencyKeyInUse, "A request with this idempotency key is still running.")
}

/// The order as it will be if this request is the first, and its event.
struct Wanted {
    order: Order,
    cents: i64,
    event: OutboxRecord,
}

impl Wanted {
    /// The time is this process's, so that the event can be written before the row exists; in whole microseconds,
    /// because the database keeps no more.
    fn new(call: &Call<CreateOrder>) -> Result<Self, Failure> {
        let now = jiff::Timestamp::now().round(jiff::Unit::Microsecond).map_err(Failure::broken)?;
        let created = OrderCreated(Order {
            id: call.id,
            title: call.data.title.as_str().into(),
            description: call.data.description.as_str().into(),
            price: call.data.price,
            user_id: call.caller()?.into(),
            order_reference: call.data.order_reference.as_ref().map(|reference| reference.as_str().into()),
            created_at: Timestamp(now),
            updated_at: Timestamp(now),
        });
        let event = call.event(&created)?;
        Ok(Self { cents: created.0.price.cents(), order: created.0, event })
    }

    /// Whether an order is what this request asks for, apart from its times.
    fn is_same_as(&self, other: &Order) -> bool {
        let Order { user_id, title, description, price, order_reference, .. } = &self.order;
        (user_id, title, description, order_reference)
            == (&other.user_id, &other.title, &other.description, &other.order_reference)
            && price.cents() == other.price.cents()
    }

    /// The parameters `$1` to `$8` of the statements that place it.
    fn parameters(&self) -> [&(dyn ToSql + Sync); 8] {
        let Order { id, user_id, title, description, order_reference, created_at, .. } = &self.order;
        [id, user_id, title, description, &self.cents, order_reference, &created_at.0, self.event.parameter()]
    }
}
