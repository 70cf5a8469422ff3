//! Migrates the user service's database to the schema of this release, grants its processes their privileges, then
//! ends.

use std::process::ExitCode;

mod embedded {
    refinery::embed_migrations!("../../sql/users");
}

/// Addresses are compared by their DNS domain and in Unicode's composed form, which matters only for those that are not
/// plain ASCII. If two accounts of earlier releases turn out to have one address, the second keeps its old key, and
/// each signs in with its address as it was registered.
const ADDRESSES: worker_runtime::Rework = worker_runtime::Rework {
    find: "SELECT id::text, email, email_key AS value FROM users
        WHERE email_key ~ '[^\\x01-\\x7f]' OR email_key ~ '[@.]xn--' ORDER BY created_at, id",
    again: |row| {
        let (email, kept): (&str, &str) = (row.get("email"), row.get("value"));
        users::email_key(email).filter(|key| key != kept)
    },
    change: "UPDATE users SET email_key = $2 WHERE id = $1::text::uuid AND NOT EXISTS (SELECT FROM users WHERE email_key = $2)",
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::migrate(
        "users",
        embedded::migrations::runner(),
        include_str!("../../../../sql/users/grants.sql"),
        Some(ADDRESSES),
    )
    .await
}
