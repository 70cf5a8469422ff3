//! What the workers that hash passwords work with.

use runtime::StartError;
use worker_runtime::{Context, Db, Dependencies};

use crate::password::Passwords;
use crate::sessions::Sessions;

/// More requests than cores wait for a hash: only a process that sees who waits can refuse whom it cannot serve in time.
const LOOKAHEAD: u16 = 4;

/// Password hashes, and sessions with their database: for register and login.
pub struct Accounts {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Gives out tokens.
    pub sessions: Sessions,
}

impl Dependencies for Accounts {
    const LOOKAHEAD: u16 = LOOKAHEAD;

    async fn open(setup: &mut Context<'_>) -> Result<Self, StartError> {
        Ok(Self { passwords: Passwords::open(setup)?, sessions: Sessions::open(setup).await? })
    }
}

/// Password hashes and the database, for a worker that signs nobody in and so needs no key.
pub struct Credentials {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// The users database.
    pub db: Db,
}

impl Dependencies for Credentials {
    const LOOKAHEAD: u16 = LOOKAHEAD;

    async fn open(setup: &mut Context<'_>) -> Result<Self, StartError> {
        Ok(Self { passwords: Passwords::open(setup)?, db: Db::open(setup).await? })
    }
}
