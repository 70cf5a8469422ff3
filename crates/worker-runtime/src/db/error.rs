//! Why a statement failed: what is known about its execution, and the cause for the log.

use std::error::Error;

use tokio_postgres::error::{DbError as ServerError, Severity};

use crate::db::sqlstate::{Meaning, meaning};

/// The underlying error, of the library or the network.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// This process has no usable connection. Nothing was executed.
    #[error("there is no usable connection to the database")]
    Unusable(#[source] Cause),
    /// The server currently executes no such statement for anybody. Nothing was executed.
    #[error("the database cannot execute such statements at the moment")]
    Unavailable(#[source] Cause),
    /// The statement hit a time limit, or collided too often. Nothing was executed.
    #[error("the database is busy: a statement was cancelled")]
    Busy(#[source] Cause),
    /// The connection broke, or went silent, while the statement was in flight.
    #[error("the connection to the database broke during a statement")]
    Lost(#[source] Cause),
    /// The database cannot store a value. Nothing was executed.
    #[error("the database cannot store a value")]
    Value(#[source] Cause),
    /// The statement, its values or its result are wrong: a defect of ours.
    #[error("a statement failed")]
    Defect(#[source] Cause),
}

impl DbError {
    /// Whether it may suffice to prepare the statement again.
    pub(crate) fn is_stale(&self) -> bool {
        let Self::Defect(cause) = self else { return false };
        cause.downcast_ref().is_some_and(|error| meaning_of(error) == Meaning::Stale)
    }
}

/// What a failed statement means, and whether its connection is still good.
pub(crate) fn meaning_of(error: &tokio_postgres::Error) -> Meaning {
    match error.as_db_error() {
        Some(error) if ends_the_connection(error) => Meaning::Lost,
        Some(error) => meaning(error.code().code(), error.message()),
        // A value of the wrong type, or a column that cannot be decoded: the table may have changed.
        None if is_ours(error) => Meaning::Stale,
        None => Meaning::Lost,
    }
}

/// Converts an error of the library.
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

/// When the server ends the connection with an error, it may have executed the statement before.
fn ends_the_connection(error: &ServerError) -> bool {
    matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Whether the library could not encode our values or decode the result; the connection is still good then.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return false;
    }
    match error.source() {
        // The connection broke, or the bytes that arrived are not a PostgreSQL message.
        Some(cause) => !cause.is::<std::io::Error>(),
        None => error.to_string() != "unexpected message from server",
    }
}
