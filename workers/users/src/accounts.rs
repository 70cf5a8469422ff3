//! What register and login work with, and the last step of both: handing out tokens.

use contracts::users::{SignedIn, User};
use process::StartError;
use worker::db::Row;
use worker::{Db, Failure, Resources, Setup};

use crate::{Passwords, Tokens};

/// Database, password hashes and tokens.
pub struct Accounts {
    /// The users database.
    pub db: Db,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Makes tokens.
    pub tokens: Tokens,
}

impl Resources for Accounts {
    async fn open(setup: &mut Setup<'_>) -> Result<Self, StartError> {
        let passwords = Passwords::new(&setup.settings.section()?);
        let tokens = Tokens::new(setup.settings.section()?)?;
        Ok(Self { db: Db::open(setup).await?, passwords, tokens })
    }
}

/// Keeps the new refresh token's hash and sweeps away this user's expired ones.
const KEEP_REFRESH_TOKEN: &str = "WITH swept AS (
        DELETE FROM refresh_tokens WHERE user_id = $2 AND expires_at < now()
     )
     INSERT INTO refresh_tokens (token_hash, user_id, expires_at)
     VALUES (sha256($1), $2, now() + $3::bigint * interval '1 second')";

impl Accounts {
    /// Signs a known user in: an access token, and a refresh token of which only the hash is kept.
    pub async fn sign_in(&self, user: User) -> Result<SignedIn, Failure> {
        let tokens = self.tokens.issue(user.id, &user.email)?;
        let secret = tokens.refresh_token.as_bytes();
        self.db.rows(KEEP_REFRESH_TOKEN, &[&secret, &user.id, &self.tokens.refresh_seconds()]).await?;
        Ok(SignedIn { tokens, user })
    }
}

/// Reads the public part of a user from a row with `id`, `email`, `first_name` and `last_name`.
pub fn user(row: &Row) -> User {
    User {
        id: row.get("id"),
        email: row.get("email"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
    }
}
