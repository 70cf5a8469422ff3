//! The kinds of requests that have a rate limit.

/// The rate limit of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Registrations.
    Registrations,
    /// Sign-ins with a password.
    Logins,
    /// Password changes, which require the current password.
    Passwords,
}
