//! `users.register` — opens an account and signs its owner in.

use std::process::ExitCode;

use contracts::events::UserRegistered;
use contracts::users::{Register, SignedIn, User};
use contracts::{Code, Invalid};
use users::{Accounts, Secret, user};
use worker_runtime::{Call, Failure};

/// Opens the account and its first session and records the event, all or nothing; no row if this request did so before,
/// or the address is taken.
const OPEN: &str = concat!(
    "WITH opened AS (
        INSERT INTO users (id, email, email_key, password_hash, first_name, last_name)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        RETURNING id, email, first_name, last_name
     ), session AS (
        INSERT INTO sessions (id, user_id, expires_at)
        SELECT id, id, now() + $8::bigint * interval '1 second' FROM opened
     ), kept AS (
        INSERT INTO refresh_tokens (token_hash, session_id) SELECT $7, id FROM opened
     ), recorded AS (",
    worker_runtime::record!("opened", "$9"),
    ") SELECT * FROM opened"
);

/// The account that this request opened when it was delivered before.
const FIND_OWN: &str = "SELECT id, email, first_name, last_name, password_hash, password_set_by,
        email_key = $2 AS same_address
    FROM users WHERE id = $1 AND is_active";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(register).await
}

async fn register(call: Call<Register>, accounts: &Accounts) -> Result<SignedIn, Failure> {
    let Accounts { passwords, sessions } = accounts;
    let Register { email, password, first_name, last_name } = &call.data;
    passwords.accept(password).map_err(|problem| Invalid::field("password", problem))?;
    let (key, hash) = (email.key(), passwords.hash(password, call.deadline()).await?);
    let (secret, seconds) = (Secret::random()?, sessions.tokens.idle_seconds());
    let (email, first_name, last_name) = (email.as_str(), first_name.as_str(), last_name.as_str());
    let wanted = User { id: call.id, email: email.into(), first_name: first_name.into(), last_name: last_name.into() };
    let event = call.event(&UserRegistered(wanted))?;
    let opened = sessions
        .db
        .row(
            OPEN,
            &[&call.id, &email, &key, &hash, &first_name, &last_name, &secret.hash(), &seconds, event.parameter()],
        )
        .await?;
    if let Some(row) = opened {
        return sessions.signed_in(user(&row), call.id, secret);
    }
    // Only a true repetition knows the password; ids and addresses are not secret.
    let own = sessions.db.row(FIND_OWN, &[&call.id, &key]).await?.ok_or_else(taken)?;
    if !own.get::<_, bool>("same_address") {
        let message = "Another request has this message id: each needs one of its own.";
        return Err(Failure::answer(Code::MessageIdReused, message));
    }
    let verdict = passwords.check(password, Some(own.get("password_hash")), call.deadline()).await?;
    if verdict.is_right() { sessions.open_for(&own, call.id).await } else { Err(taken()) }
}

fn taken() -> Failure {
    Failure::answer(Code::EmailTaken, "An account with this e-mail address exists already.")
}
