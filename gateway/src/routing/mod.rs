//! Which route serves a request: the table, what a row can say, and how a path finds its row.

pub(crate) mod error_codes;
pub(crate) mod password_attempt;
pub(crate) mod route;
pub(crate) mod router;
pub mod table;
