//! What the processes of the user service share: password hashes, tokens, sessions.

mod accounts;
mod password;
mod secret;
mod sessions;
mod tokens;

pub use accounts::Accounts;
pub use password::Passwords;
pub use secret::{Secret, salt};
pub use sessions::{Sessions, user};
pub use tokens::Tokens;
