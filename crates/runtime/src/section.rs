//! A section of settings, and the error for an invalid setting.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is wrong with a setting: its key, and a sentence part such as "must be at least 1".
pub type Problem = (&'static str, String);

/// A section of settings: a struct whose `Default` gives every key a value.
pub trait Section: Serialize + DeserializeOwned + Default {
    /// Lower-case name: the table in the file and, in capitals, the prefix of the environment variables.
    const NAME: &'static str;

    /// Checks rules that types cannot express, such as two settings that exclude each other. Returns every problem.
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }
}

/// Invalid settings, one line for each. A line names the variable and never quotes a secret.
#[derive(Debug)]
pub struct SettingError(pub(crate) Vec<String>);

impl SettingError {
    /// A problem with one setting: "GATEWAY_LISTEN must be …".
    pub fn new<S: Section>(key: &str, problem: impl AsRef<str>) -> Self {
        Self::of(S::NAME, key, problem)
    }

    /// The same for a section known by name only.
    pub fn of(section: &str, key: &str, problem: impl AsRef<str>) -> Self {
        Self::line(format!("{} {}", variable(section, key), problem.as_ref()))
    }

    pub(crate) fn line(line: String) -> Self {
        Self(vec![line])
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SettingError {}

/// The variable of a setting.
pub(crate) fn variable(section: &str, key: &str) -> String {
    format!("{section}_{key}").to_uppercase()
}
