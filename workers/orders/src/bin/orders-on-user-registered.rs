//! `orders.on_user_registered` — copies customers' names and addresses, so that showing an order needs no other service.

use std::process::ExitCode;

use contracts::events::{KnowCustomers, UserRegistered};
use worker_runtime::{Failure, Transaction};

/// Changes nothing if a later change has arrived first.
const KEEP: &str = "INSERT INTO customers (user_id, email, first_name, last_name) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_id) DO NOTHING";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::subscribe::<KnowCustomers, _>(keep).await
}

async fn keep(UserRegistered(user): UserRegistered, effect: &Transaction<'_>) -> Result<(), Failure> {
    effect.execute(KEEP, &[&user.id.to_string(), &user.email, &user.first_name, &user.last_name]).await?;
    Ok(())
}
