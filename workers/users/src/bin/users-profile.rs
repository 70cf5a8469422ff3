//! `users.profile` — shows the caller's own account, without its secrets.

use std::process::ExitCode;

use contracts::users::{Profile, ShowProfile};
use contracts::{Code, Instant, Total};
use users::user;
use uuid::Uuid;
use worker::{Call, Db, Failure};

const FIND: &str = "SELECT id, email, first_name, last_name, is_active, created_at,
        coalesce(order_count, 0) AS order_count, (coalesce(total_spent, 0) * 100)::bigint AS spent_cents
    FROM users LEFT JOIN order_statistics ON user_id = id WHERE id = $1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(profile).await
}

async fn profile(call: Call<ShowProfile>, db: &Db) -> Result<Profile, Failure> {
    let caller = call.caller()?;
    if call.data.id.as_ref().is_some_and(|id| id.as_str() != caller) {
        return Err(Failure::answer(Code::PermissionDenied, "This account belongs to somebody else."));
    }
    // A caller from another issuer may well have an id that is no UUID: then there is no such user here.
    let id = Uuid::try_parse(caller).map_err(|_| unknown())?;
    let row = db.row(FIND, &[&id]).await?.ok_or_else(unknown)?;
    Ok(Profile {
        user: user(&row),
        is_active: row.get("is_active"),
        created_at: Instant(row.get("created_at")),
        order_count: row.get("order_count"),
        total_spent: Total::from_cents(row.get("spent_cents")),
    })
}

fn unknown() -> Failure {
    Failure::answer(Code::UserNotFound, "There is no account for this token's user.")
}
