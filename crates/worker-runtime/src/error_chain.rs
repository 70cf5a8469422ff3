//! The text of an error with its causes, for the log.

use std::error::Error;

use tokio_postgres::error::DbError as DatabaseError;

/// An error and everything below it, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = one_line(error);
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {}", one_line(cause));
        source = cause.source();
    }
    text
}

/// What PostgreSQL adds as detail quotes the row, and a row holds what must not be logged.
fn one_line(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<DatabaseError>() {
        Some(error) => format!("{}: {} (SQLSTATE {})", error.severity(), error.message(), error.code().code()),
        None => error.to_string(),
    }
}
