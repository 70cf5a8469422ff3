//! A group of settings, and the error for a setting that cannot be used.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One group of settings: a struct whose `Default` gives every key a value.
pub trait Section: Serialize + DeserializeOwned + Default {
    /// Lower-case name: the table in the file and, in capitals, the prefix of the environment variables.
    const NAME: &'static str;

    /// Rules that types cannot express, such as two settings that exclude each other. The error is the key and the rest
    /// of a sentence.
    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }
}

/// A setting that cannot be used. The text names the variable and never quotes a secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingError(pub(crate) String);

impl SettingError {
    /// A problem with one setting: "GATEWAY_LISTEN must be …".
    pub fn new<S: Section>(key: &str, problem: impl AsRef<str>) -> Self {
        Self::of(S::NAME, key, problem)
    }

    /// The same for a section known by name only.
    pub fn of(section: &str, key: &str, problem: impl AsRef<str>) -> Self {
        Self(format!("{} {}", variable(section, key), problem.as_ref()))
    }
}

/// The variable of a setting.
pub(crate) fn variable(section: &str, key: &str) -> String {
    format!("{section}_{key}").to_uppercase()
}
