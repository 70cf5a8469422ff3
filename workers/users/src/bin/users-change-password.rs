//! `users.change_password` — replaces the caller's password and ends all other sessions.

use std::process::ExitCode;

use contracts::Invalid;
use contracts::users::{ChangePassword, SessionsEnded};
use users::{Credentials, caller_id, unknown_user};
use worker_runtime::{Call, Failure};

const FIND: &str = "SELECT password_hash, password_set_by = $2 IS TRUE AS done FROM users WHERE id = $1 AND is_active";

/// No row if the password was changed meanwhile.
const SET: &str = "UPDATE users SET password_hash = $3, password_set_by = $4 WHERE id = $1 AND password_hash = $2
    RETURNING id";

/// A separate statement, after the password has changed: a sign-in with the old password that runs at the same time
/// either has a session by now, which ends here, or gets none.
const END: &str = "WITH ended AS (DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2 RETURNING id)
    SELECT count(*) AS ended FROM ended";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(change).await
}

async fn change(
    call: Call<ChangePassword>,
    Credentials { passwords, db }: &Credentials,
) -> Result<SessionsEnded, Failure> {
    let (id, deadline) = (caller_id(&call)?, call.deadline());
    let ChangePassword { current_password, new_password } = &call.data;
    passwords.accept(new_password).map_err(|problem| Invalid::field("newPassword", problem))?;
    let row = db.row(FIND, &[&id, &call.id]).await?.ok_or_else(unknown_user)?;
    let kept: &str = row.get("password_hash");
    // A redelivered request may have set the password already.
    let done = row.get("done") && passwords.check(new_password, Some(kept), deadline).await?.is_right();
    if !done {
        if !passwords.check(current_password, Some(kept), deadline).await?.is_right() {
            return Err(not_the_current());
        }
        let hash = passwords.hash(new_password, deadline).await?;
        db.row(SET, &[&id, &kept, &hash, &call.id]).await?.ok_or_else(not_the_current)?;
    }
    let row = db.row(END, &[&id, &call.session]).await?;
    Ok(SessionsEnded { ended: row.map_or(0, |row| row.get("ended")) })
}

fn not_the_current() -> Failure {
    Invalid::field("currentPassword", "is not the password of this account: enter the one you sign in with now").into()
}
