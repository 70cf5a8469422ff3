//! Sessions: what register, login and refresh share in giving out tokens.

use contracts::users::{self, SignedIn, User};
use process::StartError;
use uuid::Uuid;
use worker::db::Row;
use worker::{Db, Failure, Resources, Setup};

use crate::{Secret, Tokens};

/// The users database, and what makes tokens.
pub struct Sessions {
    /// The users database.
    pub db: Db,
    /// Makes access tokens, and says how long what is good.
    pub tokens: Tokens,
}

impl Resources for Sessions {
    async fn open(setup: &mut Setup<'_>) -> Result<Self, StartError> {
        let tokens = Tokens::new(setup.settings.section()?)?;
        Ok(Self { db: Db::open(setup).await?, tokens })
    }
}

/// Part of each statement that opens or prolongs a session: it takes up to 20 that have ended away, so that the tables do
/// not grow for ever, however many processes there are and without a timer in any.
#[macro_export]
macro_rules! prune_sessions {
    () => {
        "pruned AS (
            DELETE FROM sessions WHERE id IN (
                SELECT id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED
            )
         )"
    };
}

/// Opens a session, or finds the one that this request opened before, and gives it one more token.
const OPEN: &str = concat!(
    "WITH ",
    prune_sessions!(),
    ", opened AS (
        INSERT INTO sessions (id, user_id, expires_at)
        VALUES ($1, $2, now() + $4::bigint * interval '1 second')
        ON CONFLICT (id) DO UPDATE SET user_id = $2 WHERE sessions.user_id = $2
        RETURNING id
     )
     INSERT INTO refresh_tokens (token_hash, session_id) SELECT $3, id FROM opened
     RETURNING session_id"
);

impl Sessions {
    /// Signs a known user in: an access token, and a refresh token of which only the hash is kept. The session is known
    /// by the request that opened it, so that a redelivery opens no second one.
    pub async fn open_for(&self, user: User, request: Uuid) -> Result<SignedIn, Failure> {
        let secret = Secret::random()?;
        let opened = self.db.row(OPEN, &[&request, &user.id, &secret.hash(), &self.tokens.idle_seconds()]).await?;
        opened.ok_or_else(|| Failure::broken("the request's id belongs to another user's session"))?;
        self.signed_in(user, secret)
    }

    /// What a user gets with a refresh token that was kept.
    pub fn signed_in(&self, user: User, secret: Secret) -> Result<SignedIn, Failure> {
        let access_token = self.tokens.access_token(user.id, &user.email)?;
        Ok(SignedIn { tokens: users::Tokens { access_token, refresh_token: secret.reveal() }, user })
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
