//! Why a statement gave no rows: what is known of it, and the cause for the log.

use std::error::Error;

use tokio_postgres::error::{DbError as ServerError, Severity};

use crate::db::sqlstate::{Meaning, meaning};

/// What went wrong, as the library or the network told it.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Why a statement gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// This process has no connection that can be used. Nothing was executed.
    #[error("there is no usable connection to the database")]
    Unusable(#[source] Cause),
    /// The server can do nothing of the kind just now, for nobody. Nothing was executed.
    #[error("the database can do nothing of the kind just now")]
    Unavailable(#[source] Cause),
    /// The statement waited too long, for a lock or altogether, or collided again and again. Nothing was executed.
    #[error("the database is busy: a statement was given up")]
    Busy(#[source] Cause),
    /// The connection broke, or went silent, while the statement was out.
    #[error("the connection to the database broke under a statement")]
    Lost(#[source] Cause),
    /// A value is none that the database can keep. Nothing was executed.
    #[error("the database cannot keep a value")]
    Value(#[source] Cause),
    /// The statement is wrong, or its values are, or what came back: a defect of ours.
    #[error("a statement failed")]
    Defect(#[source] Cause),
}

/// What a failed statement means, and whether its connection is still good.
pub(crate) fn meaning_of(error: &tokio_postgres::Error) -> Meaning {
    match error.as_db_error() {
        Some(said) if ends_the_connection(said) => Meaning::Lost,
        Some(said) => meaning(said.code().code(), said.message()),
        // A value that fits no parameter, or a column that fits no value: of a table that has changed, perhaps.
        None if is_ours(error) => Meaning::Stale,
        None => Meaning::Lost,
    }
}

/// Turns an error of the library's into ours.
pub(crate) fn classify(error: tokio_postgres::Error) -> DbError {
    let meaning = meaning_of(&error);
    let cause = Box::new(error);
    match meaning {
        Meaning::Value => DbError::Value(cause),
        Meaning::Collision | Meaning::Busy => DbError::Busy(cause),
        Meaning::Unavailable => DbError::Unavailable(cause),
        Meaning::Unusable => DbError::Unusable(cause),
        Meaning::Lost => DbError::Lost(cause),
        Meaning::Stale | Meaning::Defect => DbError::Defect(cause),
    }
}

/// A server that says so with its last words may have executed the statement before.
fn ends_the_connection(said: &ServerError) -> bool {
    matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Whether the library found fault with our values, or with how we read what came back. The connection is good.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return false;
    }
    match error.source() {
        // What broke on the way; or what came is no message of PostgreSQL's.
        Some(cause) => !cause.is::<std::io::Error>(),
        None => error.to_string() != "unexpected message from server",
    }
}
