//! Routing: the table of routes, the definition of a route, and the router that finds it.

pub(crate) mod error_codes;
pub(crate) mod password_attempt;
pub(crate) mod route;
pub(crate) mod router;
pub mod table;
