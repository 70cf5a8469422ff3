//! `users.logout` — ends a session: none of its refresh tokens is good any more.
//!
//! Access tokens are not asked about anywhere, so one that was given out lives on until it expires, minutes later.

use std::process::ExitCode;

use contracts::users::{Logout, SignedOut};
use users::Secret;
use worker_runtime::{Call, Db, Failure};

/// Any token of the family will do: whoever still holds an old one wants the session ended, too.
const END: &str =
    "DELETE FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) RETURNING id";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(logout).await
}

async fn logout(call: Call<Logout>, db: &Db) -> Result<SignedOut, Failure> {
    // A token that nobody knows has no session left to end; to say so would only tell a guesser.
    db.row(END, &[&Secret::from(&call.data.refresh_token).hash()]).await?;
    Ok(SignedOut { success: true })
}
