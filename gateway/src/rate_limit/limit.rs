//! The kinds of requests that are counted, each with its own limit.

/// What a row of the table is limited as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Opening accounts.
    Registrations,
    /// Signing in with a password.
    Logins,
    /// Replacing a password, which asks for the present one.
    Passwords,
}
