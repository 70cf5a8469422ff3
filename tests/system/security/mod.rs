//! Tokens, sessions, rate limits, privileges and TLS withstand attacks.

mod accounts;
mod attacks;
mod keys;
mod privileges;
mod rate_limits;
mod rotation;
mod sessions;
mod tls;
mod tokens;
