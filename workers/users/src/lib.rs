//! What the processes of the user service share: password hashes, tokens, sessions.

mod accounts;
mod admission;
mod password;
mod profile;
mod secret;
mod sessions;
mod tokens;

pub use accounts::{Accounts, Credentials};
pub use password::{Passwords, Verdict};
pub use profile::{FIND_PROFILE, caller_id, email_key, profile, unknown_user};
pub use secret::{Secret, salt};
pub use sessions::{Sessions, user};
pub use tokens::Tokens;
