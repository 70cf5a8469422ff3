//! Holds a lock in a database, so that a test can catch a process that waits for it.

use system_tests::Sql;

/// A transaction that locks a table or a part of it, and a connection that sees who waits for the lock.
pub(crate) struct Lock {
    holder: Sql,
    // Within a transaction the list of activities is read once and stays as it was.
    observer: Sql,
}

impl Lock {
    pub(crate) fn take(url: &str, statement: &str) -> Self {
        let (holder, observer) = (Sql::open(url), Sql::open(url));
        holder.execute(&format!("BEGIN; {statement}"));
        Self { holder, observer }
    }

    /// Keeps the relay from marking what it has published.
    pub(crate) fn on_marks(url: &str) -> Self {
        let owner = Sql::open(url);
        owner.execute(&format!(
            "CREATE OR REPLACE FUNCTION hold_marks() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock_shared({MARKS}); RETURN NULL; END';
             CREATE OR REPLACE TRIGGER hold_marks BEFORE UPDATE OF marked ON outbox_sequence
                FOR EACH STATEMENT EXECUTE FUNCTION hold_marks()"
        ));
        Self::take(url, &format!("SELECT pg_advisory_xact_lock({MARKS})"))
    }

    /// Whether a process waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.observer.column::<i32>(&format!("SELECT pid FROM {WAITING}"), &[]).is_empty()
    }

    /// Ends the connections that wait for it: their statements are never executed.
    pub(crate) fn end_those_who_wait(&self) {
        self.observer.column::<bool>(&format!("SELECT pg_terminate_backend(pid) FROM {WAITING}"), &[]);
    }

    pub(crate) fn release(self) {
        self.holder.execute("ROLLBACK");
    }
}

const WAITING: &str = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
/// Any number, as long as the trigger and the holder agree.
const MARKS: i64 = 4_712;
