//! The text of an error with its causes, for the log.

use std::error::Error;

use tokio_postgres::error::DbError as DatabaseError;

/// An error and its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = one_line(error);
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {}", one_line(cause));
        source = cause.source();
    }
    text
}

/// PostgreSQL's detail is left out: it quotes the row, which may hold what must not be logged.
fn one_line(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<DatabaseError>() {
        Some(error) => format!("{}: {} (SQLSTATE {})", error.severity(), error.message(), error.code().code()),
        None => error.to_string(),
    }
}
