//! Migrates a service's database to the schema of this release and grants its processes their privileges. Several migrations
//! may run at once.

use std::process::ExitCode;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use refinery::Runner;
use runtime::{Program, StartError, exit_code};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

use crate::db;
use crate::db::dedicated::DedicatedConnection;
use crate::error_chain::chain;
use crate::health::Health;
use crate::outbox::leadership::refuse_transaction_pooling;
use crate::settings::{Context, WorkerSettings};

/// How long to wait for a lock: another migration's, or a table's.
const LOCK_TIMEOUT_MS: u32 = 60_000;
/// refinery does not lock, so two migrations at once would collide. Any number serves, as long as all use the same.
const LOCK: i64 = 0x006d_6967_7261_7465;

/// Who has the lock.
const HOLDER: &str = "SELECT format('%s (%s, process %s)', usename, application_name, pid)
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = $1
        AND datname = current_database()";

/// Revokes what was granted to the processes of a service. Their roles are named like the migrating one: `users-login`
/// like `users-migrate`. USAGE on the schema remains, because no other grant counts without it.
const REVOKE: &str = "
    DO $$
    DECLARE
        service text := replace(current_user, 'migrate', '');
        process name;
    BEGIN
        FOR process IN SELECT rolname FROM pg_roles WHERE starts_with(rolname, service) AND rolname <> current_user LOOP
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', process);
            EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM %I', process);
            EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', process);
        END LOOP;
    END
    $$";

/// Runs the one-shot process `<service>-migrate`. If it connects under that very name, every process has its own role,
/// and the statements of `grants` give each its privileges. Under any other name, all processes share that role.
pub fn migrate(
    service: &'static str,
    migrations: Runner,
    grants: &'static str,
    rework: Option<Rework>,
) -> LocalBoxFuture<'static, ExitCode> {
    async move { exit_code(run(service, &migrations, grants, rework).await) }.boxed_local()
}

/// A data migration that SQL cannot express: values that the code derives again after its rules have changed. It runs at
/// each start, so `find` selects only rows that may follow the old rules, and correct rows are not written.
#[derive(Clone, Copy)]
pub struct Rework {
    /// Selects rows with an `id` and a `value` as text, and whatever `again` reads.
    pub find: &'static str,
    /// The new value; `None` if it stays.
    pub again: fn(&Row) -> Option<String>,
    /// Sets the value `$2` of the row with the id `$1`, unless another row has that value: then the row stays, and is
    /// counted.
    pub change: &'static str,
}

async fn redo(client: &Client, rework: Rework) -> Result<(), tokio_postgres::Error> {
    let (mut changed, mut left) = (0_u64, 0_u64);
    for row in client.query(rework.find, &[]).await? {
        let Some(value) = (rework.again)(&row) else { continue };
        let id: &str = row.get("id");
        match client.execute(rework.change, &[&id, &value]).await {
            Ok(0) => left += 1,
            Ok(rows) => changed += rows,
            // Another row has got this value in the meantime.
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => left += 1,
            Err(error) => return Err(error),
        }
    }
    if left > 0 {
        tracing::warn!(changed, left, "some values stay as they were, because another row has the new value");
    } else if changed > 0 {
        tracing::info!(changed, "values updated to the current rules");
    }
    Ok(())
}

async fn run(
    service: &'static str,
    migrations: &Runner,
    grants: &str,
    rework: Option<Rework>,
) -> Result<(), StartError> {
    let process = format!("{service}-migrate");
    let database = format!("{}_DATABASE_", service.to_uppercase());
    let about = "Migrates a service's database to the schema of this release, grants its processes their privileges there, \
                 and ends.";
    let mut settings = Program { name: &process, about, settings: &[&database, "WORKER_", "LOG_"] }.start()?;
    let worker: WorkerSettings = settings.section()?;
    let health = Health::default();
    let context =
        &mut Context { settings: &mut settings, service, safe: false, process: &process, worker: &worker, health };
    let mut target = db::target(context)?;
    target.for_writing();
    target.set("lock_timeout", LOCK_TIMEOUT_MS);
    settings.done()?;

    let unreachable = |error| StartError::failed("cannot reach the database", error);
    let grants = (target.config.get_user() == Some(&process)).then_some(grants);
    let mut database = DedicatedConnection::connect(&target).await.map_err(unreachable)?;
    let other = DedicatedConnection::connect(&target).await.map_err(unreachable)?;
    let unfit = |error| StartError::failed("cannot migrate the database", error);
    refuse_transaction_pooling(&database.client, &other.client).await.map_err(unfit)?;
    drop(other);
    let client = &mut database.client;
    take_turn(client).await.map_err(|error| unfit(chain(error.as_ref())))?;
    let newer = newer(client, migrations).await.map_err(|error| unfit(chain(error.as_ref())))?;
    if !newer.is_empty() {
        // Its grants are newer too; those of this release would revoke privileges that its processes need.
        let unknown = newer.join(", ");
        tracing::warn!(service, unknown, "the schema is newer than this release; leaving it as it is");
        return Ok(());
    }
    let applied = apply(client, migrations, grants, rework).await.map_err(|error| unfit(chain(error.as_ref())))?;
    tracing::info!(service, applied, granted = grants.is_some(), "schema is current");
    Ok(())
}

type Failed = Box<dyn std::error::Error>;

/// Waits until no other migration runs on this database. The lock ends with the connection.
async fn take_turn(client: &Client) -> Result<(), Failed> {
    let Err(error) = client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await else { return Ok(()) };
    if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return Err(error.into());
    }
    let holder = client.query_opt(HOLDER, &[&LOCK]).await?.map(|row| row.get::<_, String>(0));
    let holder = holder.unwrap_or_else(|| "a process that has released it by now".into());
    Err(format!("the migration lock is held by {holder}").into())
}

/// The migrations, as `V7 name`, that a later release has applied; an error if the history differs in another way.
async fn newer(client: &Client, migrations: &Runner) -> Result<Vec<String>, Failed> {
    let history: Option<String> =
        client.query_one("SELECT to_regclass('refinery_schema_history')::text", &[]).await?.get(0);
    if history.is_none() {
        return Ok(Vec::new());
    }
    let rows = client.query("SELECT version, name FROM refinery_schema_history ORDER BY version", &[]).await?;
    let newest = migrations.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0);
    let versions = rows.iter().map(|row| (i64::from(row.get::<_, i32>(0)), row.get::<_, Option<&str>>(1)));
    let newer = versions.filter(|(version, _)| *version > newest);
    Ok(newer.map(|(version, name)| format!("V{version} {}", name.unwrap_or_default())).collect())
}

/// Migrates the schema and grants the privileges; returns the number of migrations applied.
async fn apply(
    client: &mut Client,
    migrations: &Runner,
    grants: Option<&str>,
    rework: Option<Rework>,
) -> Result<usize, Failed> {
    let report = migrations.run_async(client).await?;
    if let Some(rework) = rework {
        redo(client, rework).await?;
    }
    if let Some(grants) = grants {
        // In one transaction, so that no process is ever without privileges.
        let transaction = client.transaction().await?;
        transaction.batch_execute(REVOKE).await?;
        transaction.batch_execute(grants).await?;
        transaction.commit().await?;
    }
    Ok(report.applied_migrations().len())
}
