//! Brings a service's database to the schema of this release, and grants its processes what they need there; any number
//! of these may run at once.

use std::process::ExitCode;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use process::{Program, StartError, exit_code};
use refinery::Runner;
use tokio_postgres::Client;

use crate::db;
use crate::failure::chain;
use crate::settings::{Setup, WorkerSettings};

/// refinery does not lock, and two at once would trip over each other. Any number serves, as long as all use the same.
const LOCK: i64 = 0x006d_6967_7261_7465;

/// Takes away what was granted to the processes of a service, whose roles are named like the one that migrates:
/// `users-login` like `users-migrate`. That they may look into the schema stays, or comes, for without it no grant counts.
const REVOKE: &str = "
    DO $$
    DECLARE
        service text := replace(current_user, 'migrate', '');
        process name;
    BEGIN
        FOR process IN SELECT rolname FROM pg_roles WHERE starts_with(rolname, service) AND rolname <> current_user LOOP
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', process);
            EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', process);
        END LOOP;
    END
    $$";

/// Runs the one-shot process `<service>-migrate`. When it comes to the database under that very name, every process has a
/// role of its own, and the statements of `grants` give each its rights; under any other name all come under that one.
pub fn migrate(service: &'static str, migrations: Runner, grants: &'static str) -> LocalBoxFuture<'static, ExitCode> {
    async move { exit_code(run(service, &migrations, grants).await) }.boxed_local()
}

async fn run(service: &'static str, migrations: &Runner, grants: &str) -> Result<(), StartError> {
    let process = format!("{service}-migrate");
    let database = format!("{}_DATABASE_", service.to_uppercase());
    let about = "Brings a service's database to the schema of this release, grants its processes their rights there, \
                 and ends.";
    let mut settings = Program { name: &process, about, settings: &[&database, "WORKER_", "LOG_"] }.start()?;
    let worker: WorkerSettings = settings.section()?;
    let setup = &mut Setup { settings: &mut settings, service, safe: false, process: &process, worker: &worker };
    let target = db::target(setup)?;
    settings.done()?;

    let unreachable = |error| StartError::failed("cannot reach the database", chain(&error));
    let grants = (target.config.get_user() == Some(&process)).then_some(grants);
    let (mut client, driver) = target.connect().await.map_err(unreachable)?;
    // Ends when the client is dropped, below.
    let work = async move { apply(&mut client, migrations, grants).await };
    let (applied, _) = tokio::join!(work, driver);
    let applied = applied.map_err(|error| StartError::failed("cannot migrate the database", chain(error.as_ref())))?;
    tracing::info!(service, applied, granted = grants.is_some(), "schema is current");
    Ok(())
}

async fn apply(
    client: &mut Client,
    migrations: &Runner,
    grants: Option<&str>,
) -> Result<usize, Box<dyn std::error::Error>> {
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
    let report = migrations.run_async(client).await?;
    if let Some(grants) = grants {
        // In one transaction: nobody is without rights meanwhile.
        let transaction = client.transaction().await?;
        transaction.batch_execute(REVOKE).await?;
        transaction.batch_execute(grants).await?;
        transaction.commit().await?;
    }
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    Ok(report.applied_migrations().len())
}
