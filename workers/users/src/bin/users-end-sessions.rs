//! `users.end_sessions` — signs the caller out: in one place, everywhere, or everywhere else.

use std::process::ExitCode;

use contracts::users::{EndSessions, SessionsEnded};
use contracts::{Code, Invalid};
use users::caller_id;
use worker_runtime::{Call, Db, Failure};

const END: &str = "WITH ended AS (
        DELETE FROM sessions WHERE user_id = $1 AND id = coalesce($2, id) AND id IS DISTINCT FROM $3 RETURNING id
    ) SELECT count(*) AS ended FROM ended";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(end).await
}

async fn end(call: Call<EndSessions>, db: &Db) -> Result<SessionsEnded, Failure> {
    let EndSessions { id, keep } = &call.data;
    let kept = keep.as_ref().and(call.session);
    if keep.is_some() && kept.is_none() {
        // Ending all sessions instead would be the opposite of what was requested.
        let problem = "needs an access token that names its session: sign in again, or leave this out to end all";
        return Err(Invalid::field("keep", problem).into());
    }
    let row = db.row(END, &[&caller_id(&call)?, id, &kept]).await?;
    let ended = row.map_or(0, |row| row.get("ended"));
    match id {
        Some(_) if ended == 0 => {
            Err(Failure::answer(Code::SessionNotFound, "You have no such session, or it has ended."))
        }
        _ => Ok(SessionsEnded { ended }),
    }
}
