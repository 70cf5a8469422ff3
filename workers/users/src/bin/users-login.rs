//! `users.login` — checks a password and signs the person in. An unknown address takes as long as a wrong password.
//!
//! A password whose hash has older parameters, such as less memory, is hashed again when it is used.

use std::process::ExitCode;

use contracts::Code;
use contracts::users::{Login, SignedIn};
use users::{Accounts, Verdict};
use uuid::Uuid;
use worker_runtime::db::Row;
use worker_runtime::{Call, Failure};

/// Two accounts of earlier releases may turn out to have one address; then each is found by its own spelling.
const FIND: &str = "SELECT id, email, first_name, last_name, password_hash, password_set_by FROM users
    WHERE email_key IN ($1, $2) AND is_active ORDER BY email_key = $2 DESC LIMIT 1";

/// No row if the password was changed meanwhile.
const KEEP_ANEW: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(login).await
}

async fn login(call: Call<Login>, accounts: &Accounts) -> Result<SignedIn, Failure> {
    let row = accounts.sessions.db.row(FIND, &[&call.data.email.key(), &call.data.email.former_key()]).await?;
    let kept: Option<&str> = row.as_ref().map(|row| row.get("password_hash"));
    let verdict = accounts.passwords.check(&call.data.password, kept, call.deadline()).await?;
    let row = row.filter(|_| verdict.is_right());
    let row =
        row.ok_or_else(|| Failure::answer(Code::InvalidCredentials, "E-mail address and password do not match."))?;
    if verdict == Verdict::Outdated
        && let Err(why) = keep_anew(&call, &row, accounts).await
    {
        // The next sign-in will try again.
        tracing::warn!(error = ?why, "a password could not be hashed anew");
    }
    accounts.sessions.open_for(&row, call.id).await
}

async fn keep_anew(call: &Call<Login>, row: &Row, accounts: &Accounts) -> Result<(), Failure> {
    let anew = accounts.passwords.hash(&call.data.password, call.deadline()).await?;
    let (id, before): (Uuid, &str) = (row.get("id"), row.get("password_hash"));
    accounts.sessions.db.row(KEEP_ANEW, &[&id, &before, &anew]).await?;
    Ok(())
}
