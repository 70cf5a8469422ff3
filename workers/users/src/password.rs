//! Hashes and checks passwords: argon2id with OWASP's parameters (m = 19 MiB, t = 2, p = 1), as PHC strings.
//!
//! A hash takes a core for some 20 ms, so it runs off the event loop, and no more of them at a time than there are
//! cores. Its 19 MiB go back to the system at once: an idle worker stays small.

use std::time::Instant;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use contracts::Password;
use runtime::{Problem, Section, SettingError};
use serde::{Deserialize, Serialize};
use worker_runtime::{Context, Failure};

use crate::admission::Admission;

/// In lower case: the thousand most common passwords of at least eight characters in zxcvbn's list (Dropbox, MIT
/// licence), which was made from published passwords, and some common placeholders.
const COMMON: &str = include_str!("common_passwords.txt");

/// Settings about passwords: `USERS_PASSWORD_…`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordSettings {
    /// The minimum length of a new password, in characters; at least 8 (NIST SP 800-63B).
    min_length: usize,
    /// How many hashes may be computed at a time in this process; 0 means one per core.
    concurrency: usize,
    /// How much memory a hash takes, in KiB. A password that was hashed with less is hashed again when it is next used.
    memory_kib: u32,
    /// How often a hash passes over its memory. A password that was hashed with fewer passes is hashed again as well.
    iterations: u32,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        let (memory_kib, iterations) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST);
        Self { min_length: 8, concurrency: 0, memory_kib, iterations }
    }
}

impl Section for PasswordSettings {
    const NAME: &'static str = "users_password";

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(8..=128).contains(&self.min_length) {
            problems.push(("min_length", "must be from 8 to 128".into()));
        }
        // The least and the most that make sense: OWASP's leanest choice, and a gibibyte.
        if !(7_168..=1_048_576).contains(&self.memory_kib) {
            problems.push(("memory_kib", "must be from 7168 to 1048576, such as 19456".into()));
        }
        if !(1..=100).contains(&self.iterations) {
            problems.push(("iterations", "must be from 1 to 100, such as 2".into()));
        }
        problems
    }
}

/// Hashes and verifies passwords.
pub struct Passwords {
    min_length: usize,
    params: Params,
    admission: Admission,
}

/// How a password compares with the stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is a different one.
    Wrong,
    /// It matches.
    Right,
    /// It matches, and the hash has older parameters: store a new one.
    Outdated,
}

impl Passwords {
    /// Creates one from a worker's settings.
    pub fn open(context: &mut Context<'_>) -> Result<Self, SettingError> {
        Self::new(&context.settings.section()?)
            .map_err(|(key, problem)| SettingError::new::<PasswordSettings>(key, problem))
    }

    /// Creates one from settings.
    fn new(settings: &PasswordSettings) -> Result<Self, (&'static str, String)> {
        let cores = || std::thread::available_parallelism().map_or(1, Into::into);
        let concurrency = if settings.concurrency == 0 { cores() } else { settings.concurrency };
        let params = Params::new(settings.memory_kib, settings.iterations, Params::DEFAULT_P_COST, None)
            .map_err(|error| ("memory_kib", error.to_string()))?;
        // Computes one hash to measure its duration, which decides who is admitted.
        let begun = Instant::now();
        digest("how long does this take?", params.clone(), &[0; 16]).map_err(|problem| ("memory_kib", problem))?;
        let admission = Admission::new(concurrency, begun.elapsed());
        Ok(Self { min_length: settings.min_length, params, admission })
    }

    /// Whether a new password is acceptable; the error continues a sentence.
    pub fn accept<const MIN: usize>(&self, password: &Password<MIN>) -> Result<(), String> {
        let password = password.normalized();
        if password.chars().count() < self.min_length {
            return Err(format!("must be {} to 128 characters long", self.min_length));
        }
        let lower = password.to_lowercase();
        if COMMON.lines().any(|common| common == lower) {
            return Err("is one of the most common passwords: choose another".into());
        }
        Ok(())
    }

    /// The PHC string to store for a new password.
    pub async fn hash<const MIN: usize>(&self, password: &Password<MIN>, deadline: Instant) -> Result<String, Failure> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| Failure::broken(error.to_string()))?;
        let hash = self.compute(password.normalized(), &self.params, &salt, deadline).await?;
        let phc = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::default().into()),
            params: ParamsString::try_from(&self.params).map_err(|error| Failure::broken(error.to_string()))?,
            salt: Some(Salt::new(&salt).map_err(|error| Failure::broken(error.to_string()))?),
            hash: Some(hash),
        };
        Ok(phc.to_string())
    }

    /// Whether the password matches the stored hash. Without a hash it takes as long, and does not match.
    pub async fn check<const MIN: usize>(
        &self,
        password: &Password<MIN>,
        kept: Option<&str>,
        deadline: Instant,
    ) -> Result<Verdict, Failure> {
        let broken = |problem: String| Failure::broken(format!("a stored password hash is malformed: {problem}"));
        let phc = kept.map(PasswordHash::new).transpose().map_err(|error| broken(error.to_string()))?;
        let (params, salt) = match &phc {
            Some(phc) => {
                let params = Params::try_from(phc).map_err(|error| broken(error.to_string()))?;
                (params, phc.salt.ok_or_else(|| broken("no salt".into()))?.to_vec())
            }
            None => (self.params.clone(), vec![0; 16]),
        };
        let same = async |password: String| {
            let hash = self.compute(password, &params, &salt, deadline).await?;
            // `Output` compares in constant time.
            Ok::<_, Failure>(phc.as_ref().is_some_and(|phc| phc.hash == Some(hash)))
        };
        let normalized = password.normalized();
        if same(normalized.clone()).await? {
            return Ok(if self.is_outdated(&params) { Verdict::Outdated } else { Verdict::Right });
        }
        // Earlier releases hashed passwords without normalising them.
        let raw = password.reveal();
        let found = raw != normalized && same(raw.to_owned()).await?;
        Ok(if found { Verdict::Outdated } else { Verdict::Wrong })
    }

    /// Whether a hash was made with lower parameters than today's.
    fn is_outdated(&self, params: &Params) -> bool {
        params.m_cost() < self.params.m_cost() || params.t_cost() < self.params.t_cost()
    }

    async fn compute(
        &self,
        password: String,
        params: &Params,
        salt: &[u8],
        deadline: Instant,
    ) -> Result<Output, Failure> {
        let (params, salt) = (params.clone(), salt.to_vec());
        let work = async move |core| {
            let computing = tokio::task::spawn_blocking(move || {
                let _core = core;
                digest(&password, params, &salt)
            });
            computing.await.map_err(Failure::broken)?.map_err(Failure::broken)
        };
        self.admission.run(deadline, work).await
    }
}

impl Verdict {
    /// Whether it matches.
    pub fn is_right(self) -> bool {
        self != Self::Wrong
    }
}

fn digest(password: &str, params: Params, salt: &[u8]) -> Result<Output, String> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let mut memory = memory(params.block_count());
    let mut output = vec![0; length];
    Argon2::new(Algorithm::Argon2id, Version::default(), params)
        .hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut memory)
        .map_err(|error| error.to_string())?;
    Output::new(&output).map_err(|error| error.to_string())
}

/// The working memory of one hash. glibc caches freed blocks of up to 32 MiB and would keep 19 MiB per thread for ever; it
/// maps larger ones separately and returns them to the system. Untouched pages cost nothing.
fn memory(blocks: usize) -> Vec<Block> {
    const NOT_KEPT_BY_GLIBC: usize = 33 * 1024 * 1024 / Block::SIZE;
    let mut memory = Vec::with_capacity(blocks.max(NOT_KEPT_BY_GLIBC));
    memory.resize(blocks, Block::default());
    memory
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::Field;

    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&PasswordSettings::default()).unwrap()
    }

    fn password(text: &str) -> Password<1> {
        Password::read(&serde_json::value::to_raw_value(text).unwrap()).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    async fn check(text: &str, kept: Option<&str>) -> Verdict {
        passwords().check(&password(text), kept, soon()).await.unwrap()
    }

    /// A hash of an earlier release: of the raw password, with these parameters.
    fn kept(text: &str, params: Params) -> String {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::default(), params);
        let salt = b"somesaltsomesalt";
        argon2::PasswordHasher::hash_password_with_salt(&argon2, text.as_bytes(), salt).unwrap().to_string()
    }

    #[tokio::test]
    async fn the_right_password_matches_and_another_does_not() {
        let kept = passwords().hash(&password("correct horse"), soon()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(check("correct horse", Some(&kept)).await, Verdict::Right);
        assert_eq!(check("correct horsf", Some(&kept)).await, Verdict::Wrong);
        assert_eq!(check("correct horse", None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_with_lower_parameters_matches_and_is_outdated() {
        let with = |memory, iterations| kept("password", Params::new(memory, iterations, 1, None).unwrap());
        assert_eq!(check("password", Some(&with(4_096, 3))).await, Verdict::Outdated);
        assert_eq!(check("password", Some(&with(19_456, 1))).await, Verdict::Outdated);
        assert_eq!(check("password", Some(&with(19_456, 3))).await, Verdict::Right);
        assert_eq!(check("passwort", Some(&with(4_096, 3))).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_its_characters_are_composed() {
        let (composed, decomposed) = ("h\u{e9}l\u{e8}ne \u{a0}1", "he\u{301}le\u{300}ne  1");
        let new = passwords().hash(&password(decomposed), soon()).await.unwrap();
        assert_eq!(check(composed, Some(&new)).await, Verdict::Right);
        assert_eq!(check("helene  1", Some(&new)).await, Verdict::Wrong);
        let old = kept(decomposed, Params::DEFAULT);
        assert_eq!(check(decomposed, Some(&old)).await, Verdict::Outdated, "hashed without normalising, before");
    }

    #[test]
    fn short_and_common_passwords_are_refused() {
        let accept = |text: &str| passwords().accept(&password(text));
        assert!(accept("1234567").is_err());
        assert!(accept("Password123").is_err());
        assert!(accept("passwort mit ä").is_ok());
        assert!(accept("ääääääää").is_ok());
        assert!(accept("a\u{308}a\u{308}a\u{308}a\u{308}").is_err(), "four characters, however they are composed");
        assert!(accept("ｐａｓｓｗｏｒｄ").is_err(), "in letters of another width");
    }
}
