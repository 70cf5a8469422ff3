//! `users.register` — opens an account and signs its owner in.

use std::process::ExitCode;

use contracts::users::{Register, SignedIn};
use contracts::{Code, Invalid};
use users::{Accounts, user};
use worker::{Call, Failure};

/// Opens the account and keeps its first refresh token, both or neither; no row when this request did so before, or
/// the address is taken.
const OPEN: &str = "WITH opened AS (
        INSERT INTO users (id, email, email_key, password_hash, first_name, last_name)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        RETURNING id, email, first_name, last_name
     ), kept AS (
        INSERT INTO refresh_tokens (token_hash, user_id, expires_at)
        SELECT sha256($7), id, now() + $8::bigint * interval '1 second' FROM opened
     )
     SELECT * FROM opened";

/// The account this very request opened when it was delivered before.
const FIND_OWN: &str = "SELECT id, email, first_name, last_name FROM users WHERE id = $1 AND email_key = $2";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::serve(register).await
}

async fn register(call: Call<Register>, accounts: &Accounts) -> Result<SignedIn, Failure> {
    let Register { email, password, first_name, last_name } = &call.data;
    accounts.passwords.accept(password.reveal()).map_err(|problem| Invalid::field("password", problem))?;
    let hash = accounts.passwords.hash(password.reveal()).await?;
    let (key, tokens) = (email.key(), accounts.tokens.issue(call.id, email.as_str())?);
    let (secret, seconds) = (tokens.refresh_token.as_bytes(), accounts.tokens.refresh_seconds());
    let (first_name, last_name) = (first_name.as_str(), last_name.as_str());
    let opened = accounts
        .db
        .row(OPEN, &[&call.id, &email.as_str(), &key, &hash, &first_name, &last_name, &secret, &seconds])
        .await?;
    if let Some(row) = opened {
        return Ok(SignedIn { tokens, user: user(&row) });
    }
    let own = accounts.db.row(FIND_OWN, &[&call.id, &key]).await?.ok_or_else(taken)?;
    accounts.sign_in(user(&own)).await
}

fn taken() -> Failure {
    Failure::answer(Code::EmailTaken, "An account with this e-mail address exists already.")
}
