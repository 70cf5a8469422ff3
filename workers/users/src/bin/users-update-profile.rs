//! `users.update_profile` — changes the caller's names and records an event.

use std::process::ExitCode;

use contracts::Code;
use contracts::events::{ChangedUser, UserUpdated};
use contracts::users::{Profile, UpdateProfile, User};
use users::{FIND_PROFILE, caller_id, profile, unknown_user, user};
use worker_runtime::{Call, Db, Failure};

const FIND: &str = "SELECT id, email, first_name, last_name, version FROM users WHERE id = $1 AND is_active";

/// Changes the row that was read and records the event, all or nothing; no row if it was changed meanwhile.
const CHANGE: &str = concat!(
    "WITH changed AS (
        UPDATE users SET first_name = $3, last_name = $4, version = version + 1
        WHERE id = $1 AND version = $2
        RETURNING id
     ), recorded AS (",
    worker_runtime::record!("changed", "$5"),
    ") SELECT id FROM changed"
);

/// Two concurrent changes of one account are rare, and more do not come from a person.
const ATTEMPTS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::serve(update).await
}

async fn update(call: Call<UpdateProfile>, db: &Db) -> Result<Profile, Failure> {
    let id = caller_id(&call)?;
    for _ in 0..ATTEMPTS {
        let row = db.row(FIND, &[&id]).await?.ok_or_else(unknown_user)?;
        let (before, version): (User, i64) = (user(&row), row.get("version"));
        let after = changed(&before, &call.data);
        // Also if this request made the change before.
        let same = (&after.first_name, &after.last_name) == (&before.first_name, &before.last_name);
        let (first_name, last_name) = (after.first_name.clone(), after.last_name.clone());
        let event = call.event(&UserUpdated(ChangedUser { user: after, version: version + 1 }))?;
        if same || db.row(CHANGE, &[&id, &version, &first_name, &last_name, event.parameter()]).await?.is_some() {
            let row = db.row(FIND_PROFILE, &[&id]).await?.ok_or_else(unknown_user)?;
            return Ok(profile(&row));
        }
    }
    Err(Failure::answer(Code::Overloaded, "This account is being changed too often. Nothing was done; try again."))
}

fn changed(before: &User, wanted: &UpdateProfile) -> User {
    let name = |wanted: &Option<contracts::PersonName>, before: &str| {
        wanted.as_ref().map_or_else(|| before.to_owned(), |name| name.as_str().to_owned())
    };
    User {
        first_name: name(&wanted.first_name, &before.first_name),
        last_name: name(&wanted.last_name, &before.last_name),
        ..before.clone()
    }
}
