//! `users.profile` — shows the caller's own account, without its secrets.

use std::process::ExitCode;

use contracts::Code;
use contracts::users::{Profile, ShowProfile};
use users::{FIND_PROFILE, caller_id, profile, unknown_user};
use worker_runtime::{Call, Db, Failure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(show).await
}

async fn show(call: Call<ShowProfile>, db: &Db) -> Result<Profile, Failure> {
    let caller = call.caller()?;
    if call.data.id.as_ref().is_some_and(|id| id.as_str() != caller) {
        return Err(Failure::answer(Code::PermissionDenied, "This account belongs to somebody else."));
    }
    let row = db.row(FIND_PROFILE, &[&caller_id(&call)?]).await?;
    Ok(profile(&row.ok_or_else(unknown_user)?))
}
