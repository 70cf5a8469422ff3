//! Tokens, sessions, limits, privileges and TLS hold against those who try them.

mod accounts;
mod attacks;
mod keys;
mod privileges;
mod rate_limits;
mod rotation;
mod sessions;
mod tls;
mod tokens;
