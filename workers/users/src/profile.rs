//! The caller's own account: its id, and how it is shown.

use contracts::users::Profile;
use contracts::{Code, Email, Request, Timestamp, Total};
use uuid::Uuid;
use worker_runtime::db::Row;
use worker_runtime::{Call, Failure};

use crate::sessions::user;

/// An account with its statistics, by the id of its user.
pub const FIND_PROFILE: &str = "SELECT id, email, first_name, last_name, is_active, created_at,
        coalesce(order_count, 0) AS order_count, (coalesce(total_spent, 0) * 100)::bigint AS spent_cents
    FROM users LEFT JOIN order_statistics ON user_id = id WHERE id = $1";

/// Reads it from a row of [`FIND_PROFILE`].
pub fn profile(row: &Row) -> Profile {
    Profile {
        user: user(row),
        is_active: row.get("is_active"),
        created_at: Timestamp(row.get("created_at")),
        order_count: row.get("order_count"),
        total_spent: Total::from_cents(row.get("spent_cents")),
    }
}

/// The caller's user id. The id of a caller from another issuer may not be a UUID; then there is no such user here.
pub fn caller_id<R: Request>(call: &Call<R>) -> Result<Uuid, Failure> {
    Uuid::try_parse(call.caller()?).map_err(|_| unknown_user())
}

/// There is no account with the id in the caller's token.
pub fn unknown_user() -> Failure {
    Failure::answer(Code::UserNotFound, "There is no account for this token's user.")
}

/// The key by which an address is compared; `None` for text that is not accepted as an address any more.
pub fn email_key(email: &str) -> Option<String> {
    Email::parse(email).ok().map(|email| email.key())
}
