//! `users.logout` — ends a session: none of its refresh tokens is valid any more.
//!
//! Access tokens are verified without asking anybody, so one that was issued stays valid until it expires, minutes
//! later.

use std::process::ExitCode;

use contracts::users::{Logout, SignedOut};
use users::Secret;
use worker_runtime::{Call, Db, Failure};

/// Any token of the family serves: the owner of an old one also wants the session to end.
const END: &str =
    "DELETE FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) RETURNING id";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(logout).await
}

async fn logout(call: Call<Logout>, db: &Db) -> Result<SignedOut, Failure> {
    // An unknown token has no session to end; saying so would only help somebody who guesses.
    db.row(END, &[&Secret::from(&call.data.refresh_token).hash()]).await?;
    Ok(SignedOut { success: true })
}
