//! Hashes and checks passwords: argon2id with OWASP's parameters (m = 19 MiB, t = 2, p = 1), as PHC strings.
//!
//! A hash takes a core for some 20 ms, so it runs off the event loop, and no more of them at a time than there are
//! cores. Its 19 MiB go back to the system at once: an idle worker stays small.

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use process::Section;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use worker::Failure;

/// In lower case: the thousand commonest of at least eight characters in zxcvbn's list (Dropbox, MIT licence), which it
/// took from passwords that became public, and some that people set until they think of a better one.
const COMMON: &str = include_str!("common_passwords.txt");

/// Settings about passwords: `USERS_PASSWORD_…`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordSettings {
    /// The least number of characters of a new password; at least 8 (NIST SP 800-63B).
    min_length: usize,
    /// How many hashes may be computed at a time in this process; 0 means one per core.
    concurrency: usize,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self { min_length: 8, concurrency: 0 }
    }
}

impl Section for PasswordSettings {
    const NAME: &'static str = "users_password";

    fn check(&self) -> Result<(), (&'static str, String)> {
        let fits = (8..=128).contains(&self.min_length);
        if fits { Ok(()) } else { Err(("min_length", "must be from 8 to 128".into())) }
    }
}

/// Hashes and checks passwords.
pub struct Passwords {
    min_length: usize,
    cores: Arc<Semaphore>,
}

impl Passwords {
    /// Makes one from settings.
    pub fn new(settings: &PasswordSettings) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, Into::into);
        let concurrency = if settings.concurrency == 0 { cores() } else { settings.concurrency };
        Self { min_length: settings.min_length, cores: Arc::new(Semaphore::new(concurrency)) }
    }

    /// Whether a new password may be used; the error is a sentence part.
    pub fn accept(&self, password: &str) -> Result<(), String> {
        if password.chars().count() < self.min_length {
            return Err(format!("must be {} to 128 characters long", self.min_length));
        }
        let lower = password.to_lowercase();
        if COMMON.lines().any(|common| common == lower) {
            return Err("is one of the commonest passwords: choose another".into());
        }
        Ok(())
    }

    /// The PHC string to keep for a new password.
    pub async fn hash(&self, password: &str) -> Result<String, Failure> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| Failure::broken(error.to_string()))?;
        let hash = self.compute(password, Params::DEFAULT, salt.to_vec()).await?;
        let phc = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&Params::DEFAULT).map_err(|error| Failure::broken(error.to_string()))?,
            salt: Some(Salt::new(&salt).map_err(|error| Failure::broken(error.to_string()))?),
            hash: Some(hash),
        };
        Ok(phc.to_string())
    }

    /// Whether the password is the one that was kept. With nothing kept it takes as long, and is not.
    pub async fn check(&self, password: &str, kept: Option<&str>) -> Result<bool, Failure> {
        let Some(kept) = kept else {
            self.compute(password, Params::DEFAULT, vec![0; 16]).await?;
            return Ok(false);
        };
        let broken = |problem| Failure::broken(format!("a kept password hash is malformed: {problem}"));
        let phc = PasswordHash::new(kept).map_err(|error| broken(error.to_string()))?;
        let params = Params::try_from(&phc).map_err(|error| broken(error.to_string()))?;
        let salt = phc.salt.ok_or_else(|| broken("no salt".into()))?;
        let hash = self.compute(password, params, salt.to_vec()).await?;
        // `Output` compares in constant time.
        Ok(phc.hash == Some(hash))
    }

    async fn compute(&self, password: &str, params: Params, salt: Vec<u8>) -> Result<Output, Failure> {
        let turn = Arc::clone(&self.cores).acquire_owned().await.map_err(Failure::broken)?;
        let password = password.to_owned();
        let computing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
            let mut memory = memory(params.block_count());
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::default(), params);
            let mut output = vec![0; length];
            argon2
                .hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, &mut memory)
                .map_err(|error| error.to_string())?;
            Output::new(&output).map_err(|error| error.to_string())
        });
        computing.await.map_err(Failure::broken)?.map_err(Failure::broken)
    }
}

/// The working memory of one hash. glibc keeps freed memory of up to 32 MiB for later and would sit on 19 MiB per
/// thread for ever; from a larger allocation it maps fresh pages and returns them. Untouched pages cost nothing.
fn memory(blocks: usize) -> Vec<Block> {
    const NOT_KEPT_BY_GLIBC: usize = 33 * 1024 * 1024 / Block::SIZE;
    let mut memory = Vec::with_capacity(blocks.max(NOT_KEPT_BY_GLIBC));
    memory.resize(blocks, Block::default());
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&PasswordSettings::default())
    }

    #[tokio::test]
    async fn a_kept_password_is_known_again_and_another_is_not() {
        let kept = passwords().hash("correct horse").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(passwords().check("correct horse", Some(&kept)).await.unwrap());
        assert!(!passwords().check("correct horsf", Some(&kept)).await.unwrap());
        assert!(!passwords().check("correct horse", None).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_is_still_understood() {
        let other = Argon2::new(Algorithm::Argon2id, Version::default(), Params::new(4096, 3, 1, None).unwrap());
        let kept = argon2::PasswordHasher::hash_password_with_salt(&other, b"password", b"somesaltsomesalt").unwrap();
        assert!(passwords().check("password", Some(&kept.to_string())).await.unwrap());
    }

    #[test]
    fn short_and_common_passwords_are_refused() {
        assert!(passwords().accept("1234567").is_err());
        assert!(passwords().accept("Password123").is_err());
        assert!(passwords().accept("passwort mit ä").is_ok());
        assert!(passwords().accept("ääääääää").is_ok());
    }
}
