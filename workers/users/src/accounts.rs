//! The dependencies of the workers that hash passwords.

use runtime::StartError;
use worker_runtime::{Context, Db, Dependencies};

use crate::password::Passwords;
use crate::sessions::Sessions;

/// A process takes more requests than it has cores: it can only refuse at once what it cannot finish in time if it sees it.
const LOOKAHEAD: u16 = 4;

/// Password hashes, and sessions with their database: for register and login.
pub struct Accounts {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Opens sessions and issues tokens.
    pub sessions: Sessions,
}

impl Dependencies for Accounts {
    const LOOKAHEAD: u16 = LOOKAHEAD;

    async fn open(context: &mut Context<'_>) -> Result<Self, StartError> {
        Ok(Self { passwords: Passwords::open(context)?, sessions: Sessions::open(context).await? })
    }
}

/// Password hashes and the database, for a worker that issues no tokens and so needs no key.
pub struct Credentials {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// The users database.
    pub db: Db,
}

impl Dependencies for Credentials {
    const LOOKAHEAD: u16 = LOOKAHEAD;

    async fn open(context: &mut Context<'_>) -> Result<Self, StartError> {
        Ok(Self { passwords: Passwords::open(context)?, db: Db::open(context).await? })
    }
}
