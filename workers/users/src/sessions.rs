//! Sessions: how register, login and refresh issue tokens.

use contracts::Code;
use contracts::users::{self, SignedIn, User};
use runtime::StartError;
use uuid::Uuid;
use worker_runtime::db::Row;
use worker_runtime::{Context, Db, Dependencies, Failure};

use crate::secret::Secret;
use crate::tokens::Tokens;

/// The users database, and the issuer of tokens.
pub struct Sessions {
    /// The users database.
    pub db: Db,
    /// Issues access tokens, and knows all lifetimes.
    pub tokens: Tokens,
}

impl Dependencies for Sessions {
    async fn open(context: &mut Context<'_>) -> Result<Self, StartError> {
        let tokens = match Tokens::new(context.settings.section()?) {
            Err(error) if context.settings.only_checked() => {
                // Reports what is wrong with the database's settings at the same time.
                Db::open(context).await?;
                return Err(error.into());
            }
            tokens => tokens?,
        };
        let db = Db::open(context).await?;
        db.prune("sessions", PRUNE);
        Ok(Self { db, tokens })
    }
}

/// Prunes sessions that have ended, with their tokens.
const PRUNE: &str = "DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// Opens a session, or finds the one that this request opened before, and adds a token; no row if the password was
/// changed after it was compared. The user is locked for that: see `users.change_password`.
const OPEN: &str = "WITH opened AS (
        INSERT INTO sessions (id, user_id, expires_at)
        SELECT $1, users.id, now() + $4::bigint * interval '1 second' FROM users
        WHERE users.id = $2 AND is_active AND password_set_by IS NOT DISTINCT FROM $5
        FOR SHARE OF users
        ON CONFLICT (id) DO UPDATE SET user_id = $2 WHERE sessions.user_id = $2
        RETURNING id
     )
     INSERT INTO refresh_tokens (token_hash, session_id) SELECT $3, id FROM opened
     RETURNING session_id";

impl Sessions {
    /// Signs in a user whose password matched: issues an access token, and a refresh token of which only the hash is
    /// stored. The session has the id of the request that opened it, so that a redelivery opens no second one. `row` is
    /// the user's, with `password_set_by`.
    pub async fn open_for(&self, row: &Row, request: Uuid) -> Result<SignedIn, Failure> {
        let (user, secret) = (user(row), Secret::random()?);
        let set_by: Option<Uuid> = row.get("password_set_by");
        let idle = self.tokens.idle_seconds();
        let opened = self.db.row(OPEN, &[&request, &user.id, &secret.hash(), &idle, &set_by]).await?;
        opened.ok_or_else(|| {
            Failure::answer(Code::InvalidCredentials, "The password was changed just now. Sign in again.")
        })?;
        self.signed_in(user, request, secret)
    }

    /// The reply to a user whose refresh token was stored for a session.
    pub fn signed_in(&self, user: User, session: Uuid, secret: Secret) -> Result<SignedIn, Failure> {
        let access_token = self.tokens.access_token(user.id, &user.email, session)?;
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
