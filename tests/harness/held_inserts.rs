//! Holds inserts into a table half done: executed, and not committed until the test releases them.
//!
//! A test catches a worker in the middle of a request this way. A trigger waits, at the end of the inserting statement, for
//! an advisory lock that the test holds.

use std::time::Duration;

use crate::sql::Sql;
use crate::wait::wait_until;

/// Any number, as long as the trigger and the holder agree.
const LOCK: i64 = 4_711;

/// A hold. Dropping it releases the inserts, too.
pub struct HeldInserts(Sql);

impl HeldInserts {
    /// Every insert into `table` that begins from now on stays half done.
    #[track_caller]
    pub fn inserts(database: &str, table: &str) -> Self {
        let sql = Sql::open(database);
        sql.execute(&format!("SELECT pg_advisory_lock({LOCK})"));
        sql.execute(&format!(
            "CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NULL; END';
             CREATE OR REPLACE TRIGGER hold AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION hold()"
        ));
        Self(sql)
    }

    /// How many inserts are held. Those that have only just begun to wait do not count: a worker's first statement has a brief
    /// lock timeout, and then waits again on another connection.
    #[track_caller]
    pub fn held(&self) -> i64 {
        let query = "SELECT count(*) FROM pg_locks
             WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'
                AND waitstart < clock_timestamp() - interval '100 milliseconds'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        self.0.value(query, &[])
    }

    /// Waits until this many inserts are held.
    #[track_caller]
    pub fn wait_for(&self, inserts: i64) {
        let what = format!("{inserts} inserts were held in the database");
        wait_until(&what, Duration::from_secs(15), || self.held() == inserts);
    }

    /// Releases them.
    #[track_caller]
    pub fn release(self) {
        self.0.execute(&format!("SELECT pg_advisory_unlock({LOCK})"));
    }
}
