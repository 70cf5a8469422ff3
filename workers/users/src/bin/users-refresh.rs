//! `users.refresh` — exchanges a refresh token for new tokens. Each is valid once; one that is used again ends its
//! session.
//!
//! A client whose reply was lost sends the token again, and gets the same successor as long as that is unused: a lost reply
//! cannot be distinguished from a late one. Once the successor was used, the old token ends the session, whoever sends it.
//! Only for a few seconds does it lead to the newest token, for two tabs that refresh at once. The family never branches, so
//! a thief and the owner hold the same token, and the first to use an outdated one ends the session.

use std::process::ExitCode;

use contracts::Code;
use contracts::users::{Refresh, Refreshed};
use users::{Secret, Sessions, salt, user};
use uuid::Uuid;
use worker_runtime::db::Row;
use worker_runtime::{Call, Failure};

/// Replaces an unused token and stores its successor. The session is locked first, as its deletion does, so that the
/// two cannot deadlock. Tokens are forgotten once they were used longer ago than a session may stay idle: an unused
/// token of that age would be refused as well. Salts are removed as soon as they are not needed, so that an old token
/// and a copy of the database do not yield a valid one.
const ROTATE: &str = "WITH session AS MATERIALIZED (
        SELECT sessions.id AS session_id, sessions.started_at, users.id, email, first_name, last_name
        FROM refresh_tokens
        JOIN sessions ON sessions.id = session_id AND expires_at > now()
        JOIN users ON users.id = user_id AND is_active
        WHERE token_hash = $1 AND replaced_at IS NULL AND user_id = coalesce($2, user_id)
        FOR NO KEY UPDATE OF sessions
     ), used AS (
        UPDATE refresh_tokens SET replaced_at = now(), replaced_by = $3, salt = $4
        FROM session WHERE token_hash = $1 AND replaced_at IS NULL
        RETURNING session.*
     ), kept AS (
        INSERT INTO refresh_tokens (token_hash, session_id) SELECT $5, session_id FROM used
     ), prolonged AS (
        UPDATE sessions SET last_used_at = now(), expires_at = least(
            now() + $6::bigint * interval '1 second', used.started_at + $7::bigint * interval '1 second')
        FROM used WHERE sessions.id = used.session_id
     ), forgotten AS (
        DELETE FROM refresh_tokens USING used
        WHERE refresh_tokens.session_id = used.session_id
            AND refresh_tokens.replaced_at < now() - $6::bigint * interval '1 second'
     ), emptied AS (
        UPDATE refresh_tokens SET salt = '' FROM used
        WHERE refresh_tokens.session_id = used.session_id AND refresh_tokens.salt <> ''
            AND refresh_tokens.replaced_at < now() - $8::bigint * interval '1 second'
            AND refresh_tokens.replaced_at >= now() - $6::bigint * interval '1 second'
     )
     SELECT * FROM used";

/// The state of a token that cannot be replaced.
const FOLLOW: &str = "SELECT session_id, salt, users.id, email, first_name, last_name,
        replaced_by = $3 AS by_this_request, replaced_at > now() - $4::bigint * interval '1 second' AS just_now
     FROM refresh_tokens
     JOIN sessions ON sessions.id = session_id AND expires_at > now()
     JOIN users ON users.id = user_id AND is_active
     WHERE token_hash = $1 AND user_id = coalesce($2, user_id)";

const END: &str = "DELETE FROM sessions WHERE id = $1";

/// The most refreshes of a session within the grace period; only a faulty client needs more.
const LONGEST_CHAIN: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(refresh).await
}

async fn refresh(call: Call<Refresh>, sessions: &Sessions) -> Result<Refreshed, Failure> {
    let token = Secret::from(&call.data.refresh_token);
    let (salt, user_id) = (salt()?, call.data.user_id);
    let next = token.next(&salt);
    let tokens = &sessions.tokens;
    let (idle, longest, grace) = (tokens.idle_seconds(), tokens.session_seconds(), tokens.grace_seconds());
    let used = sessions
        .db
        .row(ROTATE, &[&token.hash(), &user_id, &call.id, &salt, &next.hash(), &idle, &longest, &grace])
        .await?;
    match used {
        Some(row) => Ok(sessions.signed_in(user(&row), row.get("session_id"), next)?.into()),
        None => follow(token, user_id, call.id, sessions).await,
    }
}

/// Follows a used token to the newest of its family: to its successor if that is unused, and further as long as each
/// was used just now.
async fn follow(
    token: Secret,
    user_id: Option<Uuid>,
    request: Uuid,
    sessions: &Sessions,
) -> Result<Refreshed, Failure> {
    let grace = sessions.tokens.grace_seconds();
    // The first token is known to be used. That its successor was used as well is accepted only for the grace period.
    let (mut token, mut excused, mut repeated) = (token, true, false);
    for _ in 0..LONGEST_CHAIN {
        let row = sessions.db.row(FOLLOW, &[&token.hash(), &user_id, &request, &grace]).await?.ok_or_else(ended)?;
        let Some(salt) = row.get::<_, Option<Vec<u8>>>("salt") else {
            return Ok(sessions.signed_in(user(&row), row.get("session_id"), token)?.into());
        };
        repeated |= row.get::<_, bool>("by_this_request");
        // The salt of a token whose successor was used is removed after a while.
        if !excused || salt.is_empty() {
            // The broker may redeliver a request whose reply has arrived long ago: that is not a second use.
            return Err(if repeated { ended() } else { end(&row, sessions).await? });
        }
        excused = row.get("just_now");
        token = token.next(&salt);
    }
    Err(Failure::answer(Code::Overloaded, "This session is being refreshed too often. Nothing was done."))
}

/// Ends the session of a token that was used again: its owner cannot be distinguished from a thief.
async fn end(row: &Row, sessions: &Sessions) -> Result<Failure, Failure> {
    let (session, user_id): (Uuid, Uuid) = (row.get("session_id"), row.get("id"));
    sessions.db.rows(END, &[&session]).await?;
    tracing::warn!(%session, %user_id, "a refresh token was used again: its session is ended");
    Ok(ended())
}

fn ended() -> Failure {
    Failure::answer(Code::SessionEnded, "This session has ended. Sign in again.")
}
