//! THE TABLE of PostgreSQL's error codes: what each means for the statement, the connection, the caller and the event.
//!
//! A code that is missing here is a defect of ours: it becomes `internal`, is logged as an error, and counts against an
//! event. The codes are those of PostgreSQL's appendix A; the first two characters are the class.

/// The meaning of a server's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A value that our contract accepted and the database cannot store. The caller's fault; counts against an event.
    Value,
    /// The statement collided with another transaction and was rolled back. It is repeated a few times, then it is
    /// `Busy`.
    Collision,
    /// The statement does not fit the schema any more, or the server does not know it. It is prepared again; after that
    /// it is a `Defect`.
    Stale,
    /// The statement hit a time limit and was rolled back. Counts against an event if it happens repeatedly.
    Busy,
    /// The server can execute no such statement at present; it was rolled back. Never counts against an event.
    Unavailable,
    /// The same, but a new connection may help: this one is replaced.
    Unusable,
    /// The server ended the connection, and it is unknown whether the statement was executed. Counts if it happens
    /// repeatedly.
    Lost,
    /// A defect of ours, or of the data: a bug, a missing privilege, a violated constraint. Counts against an event.
    Defect,
}

/// The meaning of an SQLSTATE. One code also needs the server's `message`.
#[expect(clippy::match_same_arms, reason = "a table: each line has a reason of its own")]
pub(crate) fn meaning(sqlstate: &str, message: &str) -> Meaning {
    let class = sqlstate.get(..2).unwrap_or_default();
    match (class, sqlstate) {
        // Too long, out of range, or characters that the database's encoding lacks.
        (_, "22001" | "22003" | "22008" | "22021" | "22P05") => Meaning::Value,

        // serialization_failure, deadlock_detected, transaction_rollback; snapshot_too_old
        (_, "40000" | "40001" | "40P01" | "72000") => Meaning::Collision,

        // The columns of a table have changed since the statement was prepared.
        (_, "0A000") if message.starts_with("cached plan must not change result type") => Meaning::Stale,
        // invalid_sql_statement_name, duplicate_prepared_statement: a pooler has given us another connection.
        ("26", _) => Meaning::Stale,
        // A column or its type has changed, a privilege is missing, the statement is wrong; or
        // duplicate_prepared_statement.
        ("42", _) => Meaning::Stale,

        // object_in_use, lock_not_available; query_canceled, which is how a statement timeout is reported
        (_, "55006" | "55P03" | "57014") => Meaning::Busy,

        // statement_completion_unknown; idle_in_transaction_session_timeout, transaction_timeout
        (_, "40003" | "25P03" | "25P04") => Meaning::Lost,
        // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout
        (_, "57P01" | "57P02" | "57P03" | "57P04" | "57P05") => Meaning::Lost,

        // read_only_sql_transaction: the server has become a standby, or was switched to read-only.
        (_, "25006") => Meaning::Unusable,
        // out_of_memory: a new connection starts with an empty process.
        (_, "53200") => Meaning::Unusable,
        // Wrong credentials or database, as a pooler reports them after connecting.
        ("28" | "3D", _) => Meaning::Unusable,
        // A connection broke between a pooler and the server; the pooler does not say when.
        ("08", _) => Meaning::Lost,

        // insufficient_resources: disk_full, too_many_connections, …; operator_intervention; I/O and other errors of the machine
        ("53" | "57" | "58", _) => Meaning::Unavailable,

        _ => Meaning::Defect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_operators_meet_have_the_right_meaning() {
        for (codes, wanted) in [
            (vec!["22001", "22003", "22008", "22021", "22P05"], Meaning::Value),
            (vec!["40001", "40P01", "40000"], Meaning::Collision),
            (vec!["26000", "42P05", "42501", "42601", "42883", "42P01", "42703"], Meaning::Stale),
            (vec!["55P03", "57014", "55006"], Meaning::Busy),
            (vec!["53000", "53100", "53300", "53400", "57000", "58000", "58030"], Meaning::Unavailable),
            (vec!["25006", "53200", "28P01", "3D000"], Meaning::Unusable),
            (vec!["57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "40003", "08006", "08P01"], Meaning::Lost),
            (vec!["23505", "23514", "22012", "25P02"], Meaning::Defect),
            (vec!["P0001", "XX000", "XX001", "0A000", "40002", "99999", "", "5", "é"], Meaning::Defect),
        ] {
            for code in codes {
                assert_eq!(meaning(code, "anything"), wanted, "{code}");
            }
        }
    }

    #[test]
    fn a_changed_table_is_distinguished_from_an_unsupported_feature() {
        assert_eq!(meaning("0A000", "cached plan must not change result type"), Meaning::Stale);
        assert_eq!(meaning("0A000", "cannot do that"), Meaning::Defect);
    }
}
