//! `users.on_order_created` — counts each user's orders and what they cost, for the profile.

use std::process::ExitCode;

use contracts::events::{CountOrders, OrderCreated};
use uuid::Uuid;
use worker_runtime::{Failure, Transaction};

const COUNT: &str = "INSERT INTO order_statistics AS known (user_id, order_count, total_spent)
    VALUES ($1, 1, $2::bigint::numeric / 100)
    ON CONFLICT (user_id) DO UPDATE
    SET order_count = known.order_count + 1, total_spent = known.total_spent + excluded.total_spent";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::subscribe::<CountOrders, _>(count).await
}

async fn count(OrderCreated(order): OrderCreated, effect: &Transaction<'_>) -> Result<(), Failure> {
    // A customer from another issuer may have an id that is not a UUID: then there is no profile to show it on.
    if let Ok(user) = Uuid::try_parse(&order.user_id) {
        effect.execute(COUNT, &[&user, &order.price.cents()]).await?;
    }
    Ok(())
}
