//! `users.sessions` — shows where the caller is signed in.

use std::process::ExitCode;

use contracts::Timestamp;
use contracts::users::{ListSessions, Session};
use users::caller_id;
use uuid::Uuid;
use worker_runtime::{Call, Db, Failure};

/// More than anybody reads; the most recently used are shown.
const FIND: &str = "SELECT * FROM (
        SELECT id, started_at, last_used_at, expires_at FROM sessions
        WHERE user_id = $1 AND expires_at > now() ORDER BY last_used_at DESC LIMIT 100
    ) AS latest ORDER BY started_at DESC, id DESC";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(list).await
}

async fn list(call: Call<ListSessions>, db: &Db) -> Result<Vec<Session>, Failure> {
    let rows = db.rows(FIND, &[&caller_id(&call)?]).await?;
    let session = |row: &worker_runtime::db::Row| {
        let id: Uuid = row.get("id");
        Session {
            id,
            started_at: Timestamp(row.get("started_at")),
            last_used_at: Timestamp(row.get("last_used_at")),
            expires_at: Timestamp(row.get("expires_at")),
            current: call.session == Some(id),
        }
    };
    Ok(rows.iter().map(session).collect())
}
