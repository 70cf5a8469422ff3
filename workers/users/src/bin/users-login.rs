//! `users.login` — checks a password and signs the person in. An unknown address takes as long as a wrong password.

use std::process::ExitCode;

use contracts::Code;
use contracts::users::{Login, SignedIn};
use users::{Accounts, user};
use worker::{Call, Failure};

const FIND: &str =
    "SELECT id, email, first_name, last_name, password_hash FROM users WHERE email_key = $1 AND is_active";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(login).await
}

async fn login(call: Call<Login>, accounts: &Accounts) -> Result<SignedIn, Failure> {
    let row = accounts.sessions.db.row(FIND, &[&call.data.email.key()]).await?;
    let kept: Option<&str> = row.as_ref().map(|row| row.get("password_hash"));
    let right = accounts.passwords.check(call.data.password.reveal(), kept).await?;
    match row {
        Some(row) if right => accounts.sessions.open_for(user(&row), call.id).await,
        _ => Err(Failure::answer(Code::InvalidCredentials, "E-mail address and password do not match.")),
    }
}
