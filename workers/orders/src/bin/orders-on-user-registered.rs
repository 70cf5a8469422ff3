//! `orders.on_user_registered` — keeps customers' names and addresses beside their orders, so that nobody need be asked.

use std::process::ExitCode;

use contracts::events::{KnowCustomers, UserRegistered};
use worker::{Failure, Transaction};

const KEEP: &str = "INSERT INTO customers (user_id, email, first_name, last_name) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_id) DO UPDATE
    SET email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::subscribe::<KnowCustomers, _>(keep).await
}

async fn keep(UserRegistered(user): UserRegistered, effect: &Transaction<'_>) -> Result<(), Failure> {
    effect.execute(KEEP, &[&user.id.to_string(), &user.email, &user.first_name, &user.last_name]).await?;
    Ok(())
}
