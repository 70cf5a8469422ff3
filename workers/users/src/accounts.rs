//! What register and login work with.

use runtime::{SettingError, StartError};
use worker_runtime::{Context, Dependencies};

use crate::password::{PasswordSettings, Passwords};
use crate::sessions::Sessions;

/// Password hashes, and sessions with their database.
pub struct Accounts {
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Gives out tokens.
    pub sessions: Sessions,
}

impl Dependencies for Accounts {
    const LOOKAHEAD: u16 = 4;

    async fn open(setup: &mut Context<'_>) -> Result<Self, StartError> {
        let passwords = Passwords::new(&setup.settings.section()?)
            .map_err(|(key, problem)| SettingError::new::<PasswordSettings>(key, problem))?;
        Ok(Self { passwords, sessions: Sessions::open(setup).await? })
    }
}
