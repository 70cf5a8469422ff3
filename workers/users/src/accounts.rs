//! What register and login work with.

use process::StartError;
use worker::{Resources, Setup};

use crate::{Passwords, Sessions};

/// Password hashes, and sessions with their database.
pub struct Accounts {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Gives out tokens.
    pub sessions: Sessions,
}

impl Resources for Accounts {
    async fn open(setup: &mut Setup<'_>) -> Result<Self, StartError> {
        let passwords = Passwords::new(&setup.settings.section()?);
        Ok(Self { passwords, sessions: Sessions::open(setup).await? })
    }
}
