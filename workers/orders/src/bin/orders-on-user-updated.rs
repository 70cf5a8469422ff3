//! `orders.on_user_updated` — follows a user's new name, so that old orders show it as well.

use std::process::ExitCode;

use contracts::events::{ChangedUser, FollowCustomers, UserUpdated};
use worker_runtime::{Failure, Transaction};

/// An older change that arrives late, or again, changes nothing.
const FOLLOW: &str = "INSERT INTO customers AS known (user_id, email, first_name, last_name, version)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, first_name = excluded.first_name,
        last_name = excluded.last_name, version = excluded.version
    WHERE known.version < excluded.version";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::subscribe::<FollowCustomers, _>(follow).await
}

async fn follow(UserUpdated(changed): UserUpdated, effect: &Transaction<'_>) -> Result<(), Failure> {
    let ChangedUser { user, version } = changed;
    effect.execute(FOLLOW, &[&user.id.to_string(), &user.email, &user.first_name, &user.last_name, &version]).await?;
    Ok(())
}
