//! `orders.on_user_registered` — keeps customers' names and addresses beside their orders, so that nobody need be asked.

use std::process::ExitCode;

use contracts::events::{KnowCustomers, UserRegistered};
use worker_runtime::{Failure, Transaction};

/// A later change may have arrived first; then this changes nothing.
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
