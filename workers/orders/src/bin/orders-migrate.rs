//! Migrates the order service's database to the schema of this release, grants its processes their privileges, then
//! ends.

use std::process::ExitCode;

mod embedded {
    refinery::embed_migrations!("../../sql/orders");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    worker_runtime::migrate(
        "orders",
        embedded::migrations::runner(),
        include_str!("../../../../sql/orders/grants.sql"),
        None,
    )
    .await
}
