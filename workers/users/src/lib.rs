//! What the processes of the user service share: password hashes, tokens, and signing somebody in.

mod accounts;
mod password;
mod tokens;

pub use accounts::{Accounts, user};
pub use password::Passwords;
pub use tokens::Tokens;
