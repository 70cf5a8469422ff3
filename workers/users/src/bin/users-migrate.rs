//! Brings the user service's database to the schema of this release, grants each process its rights there, then
//! ends.

use std::process::ExitCode;

mod embedded {
    refinery::embed_migrations!("../../sql/users");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker::migrate("users", embedded::migrations::runner(), include_str!("../../../../sql/users/grants.sql")).await
}
