//! Reads settings: defaults, then the file named by `CONFIG_FILE`, then the environment; the last one wins. A text may
//! also stand in a file that the variable with `_FILE` names.
//!
//! A section named `gateway` is the table `[gateway]` of the file and the variables `GATEWAY_…`. The defaults of its
//! struct say which settings exist, so a mistyped variable is found by comparing.

mod complaint;

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::StartError;
use crate::section::variable;
pub use crate::section::{Section, SettingError};
pub use crate::settings::complaint::nearest;
use crate::settings::complaint::{Place, UNFIT, explain, is, must_be, path_shown, shown};

/// Where sections are read from.
pub struct Settings {
    file: Figment,
    variables: Vec<(String, String)>,
    /// The prefix of each section that was read, and the variables that it knows.
    prefixes: Vec<String>,
    known: HashSet<String>,
    /// The settings file, for complaints.
    path: Option<PathBuf>,
    /// What they are read for, if not to be used.
    only: Option<Only>,
    /// Each setting that was read, with its default.
    defaults: Vec<String>,
}

/// What settings are read for, if the program is not to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Check,
    List,
}

impl Settings {
    /// Takes the process's environment and reads the file that `CONFIG_FILE` names, if it names one.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_environment() -> Result<Self, SettingError> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::from_variables(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// The same from given variables.
    pub fn from_variables(variables: impl Iterator<Item = (String, String)>) -> Result<Self, SettingError> {
        let variables: Vec<_> = variables.collect();
        let path = variables.iter().find(|(name, _)| name == "CONFIG_FILE").map(|(_, path)| PathBuf::from(path));
        let file = match &path {
            None => Figment::new(),
            Some(path) => read(path).map_err(|problem| {
                SettingError(format!("CONFIG_FILE names {}, which cannot be used: {problem}", path.display()))
            })?,
        };
        Ok(Self {
            file,
            variables,
            prefixes: Vec::new(),
            known: HashSet::new(),
            path,
            only: None,
            defaults: Vec::new(),
        })
    }

    /// Reads one section; the first value that does not fit is the error.
    pub fn section<S: Section>(&mut self) -> Result<S, SettingError> {
        let section: S = self.section_named(S::NAME)?;
        section.check().map_err(|(key, problem)| self.unfit(&section, key, &problem))?;
        Ok(section)
    }

    /// A value of the right type that cannot be used all the same.
    fn unfit<S: Section>(&self, section: &S, key: &str, problem: &str) -> SettingError {
        let place = self.place(S::NAME).of(key);
        let values = Figment::from(Serialized::defaults(section)).extract::<Dict>().unwrap_or_default();
        let value = match values.get(key) {
            Some(Value::String(_, text)) => Some(shown(text)),
            Some(Value::Num(_, number)) => number.to_u128().map(|number| number.to_string()),
            Some(Value::Bool(_, value)) => Some(value.to_string()),
            _ => None,
        };
        match is(key, value.as_deref()).filter(|_| problem.starts_with("must ")) {
            Some(is) => SettingError(format!("{place} {is}: it {problem}")),
            None => SettingError(format!("{place} {problem}")),
        }
    }

    /// Reads a section whose struct serves several names, or lives in a crate that knows nothing of processes.
    pub fn section_named<S: Serialize + DeserializeOwned + Default>(&mut self, name: &str) -> Result<S, SettingError> {
        let defaults = Figment::from(Serialized::defaults(S::default()));
        let known: Dict = defaults.extract().map_err(|error| SettingError(error.to_string()))?;
        self.prefixes.push(variable(name, ""));
        self.defaults.extend(known.iter().map(|(key, default)| format!("{}={}", variable(name, key), plain(default))));
        self.known.extend(known.keys().map(|key| variable(name, key)));
        let texts = known.iter().filter(|(_, default)| matches!(default, Value::String(..)));
        self.known.extend(texts.map(|(key, _)| variable(name, &format!("{key}_file"))));
        defaults
            .merge(self.file.focus(name))
            .merge(Environment::of(name, &known, &self.variables)?)
            .extract()
            .map_err(|error| explain(&self.place(name), &error, &known))
    }

    fn place<'a>(&'a self, section: &'a str) -> Place<'a> {
        Place { section, variables: &self.variables, file: self.path.as_deref() }
    }

    /// Whether they are only to be checked: nothing is to be connected to.
    pub fn only_checked(&self) -> bool {
        self.only.is_some()
    }

    pub(crate) fn set_only(&mut self, only: Option<Only>) {
        self.only = only;
    }

    /// All sections are read, and what they name is opened. Warns of variables that look like ours and are no setting:
    /// most likely misspelt. If the settings were only to be checked, this is the end.
    pub fn done(&self) -> Result<(), StartError> {
        for name in self.unknown() {
            if self.only.is_some() {
                let _ = writeln!(std::io::stderr(), "warning: no setting is called {name}; it is ignored");
            } else {
                tracing::warn!(variable = name, "no setting has this name; it is ignored");
            }
        }
        match self.only {
            None => Ok(()),
            Some(Only::Check) => Err(StartError::Answered("the settings are fine".into())),
            Some(Only::List) => Err(StartError::Answered(self.defaults.join("\n"))),
        }
    }

    fn unknown(&self) -> impl Iterator<Item = &String> {
        let names = self.variables.iter().map(|(name, _)| name);
        names.filter(|name| self.prefixes.iter().any(|prefix| name.starts_with(prefix)) && !self.known.contains(*name))
    }
}

/// Reads a settings file; what does not parse is noticed here and not at the first section.
fn read(path: &Path) -> Result<Figment, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file = Figment::from(Toml::string(&text));
    match file.extract::<Dict>() {
        Ok(_) => Ok(file),
        // Only the parser's first line: the next ones quote the file, and that may hold a secret.
        Err(error) => Err(error.kind.to_string().lines().next().unwrap_or("it is not TOML").to_owned()),
    }
}

/// A default, as a variable would have it.
fn plain(default: &Value) -> String {
    match default {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => number.to_u128().map_or_else(String::new, |number| number.to_string()),
        _ => String::new(),
    }
}

/// The text of a setting: its variable's, or, for texts, that of the file which the variable with `_FILE` names, as
/// secrets are often handed over. The newline with which such a file ends is not part of it.
fn text_of(
    section: &str,
    key: &str,
    default: &Value,
    variables: &[(String, String)],
) -> Result<Option<String>, SettingError> {
    let find = |name: String| variables.iter().find(|(variable, _)| *variable == name).map(|(_, text)| text);
    let own = find(variable(section, key));
    let file = find(variable(section, &format!("{key}_file"))).filter(|_| matches!(default, Value::String(..)));
    match (own, file) {
        (Some(_), Some(_)) => Err(SettingError::of(section, key, "is given twice: by itself and with _FILE")),
        (Some(text), None) => Ok(Some(text.clone())),
        (None, None) => Ok(None),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => {
                let problem = format!("names {}, which cannot be read: {error}", path_shown(key, path));
                Err(SettingError::of(section, &format!("{key}_file"), problem))
            }
        },
    }
}

/// The environment as a provider: a variable takes the type that its default has, so a password of digits stays text.
struct Environment(Dict);

impl Environment {
    fn of(section: &str, known: &Dict, variables: &[(String, String)]) -> Result<Self, SettingError> {
        let mut values = Dict::new();
        for (key, default) in known {
            let Some(text) = text_of(section, key, default, variables)? else { continue };
            let value = match default {
                Value::Num(..) => text.trim().parse::<u64>().map(Value::from).ok(),
                Value::Bool(..) => text.trim().parse::<bool>().map(Value::from).ok(),
                _ => Some(Value::from(text.as_str())),
            };
            let unfit = || {
                let must = must_be("u64", Some(default));
                let is = is(key, Some(&shown(text.trim()))).unwrap_or_else(|| UNFIT.into());
                SettingError::of(section, key, format!("{is}: it must be {must}"))
            };
            values.insert(key.clone(), value.ok_or_else(unfit)?);
        }
        Ok(Self(values))
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

#[cfg(test)]
mod generated_inputs;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Door {
        listen: SocketAddr,
        limit: u16,
        secret: String,
    }

    impl Default for Door {
        fn default() -> Self {
            Self { listen: SocketAddr::from(([127, 0, 0, 1], 3003)), limit: 7, secret: String::new() }
        }
    }

    impl Section for Door {
        const NAME: &'static str = "door";

        fn check(&self) -> Result<(), (&'static str, String)> {
            if self.limit == 0 { Err(("limit", "must be at least 1".into())) } else { Ok(()) }
        }
    }

    fn read(variables: &[(&str, &str)]) -> Result<Door, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::from_variables(variables).map_err(|error| error.to_string())?;
        settings.section().map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_hold_until_a_variable_says_otherwise() {
        assert_eq!(read(&[]).unwrap().limit, 7);
        assert_eq!(read(&[("DOOR_LIMIT", "9")]).unwrap().limit, 9);
    }

    #[test]
    fn text_that_looks_like_a_number_stays_text() {
        assert_eq!(read(&[("DOOR_SECRET", "007")]).unwrap().secret, "007");
        assert_eq!(read(&[("DOOR_SECRET", " [a] ")]).unwrap().secret, " [a] ");
    }

    #[test]
    fn a_bad_value_is_reported_by_the_name_of_its_variable() {
        for (name, value) in
            [("DOOR_LISTEN", "nowhere"), ("DOOR_LIMIT", "many"), ("DOOR_LIMIT", "70000"), ("DOOR_LIMIT", "0")]
        {
            let error = read(&[(name, value)]).err().unwrap();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_complaint_says_the_value_where_it_is_and_what_it_must_be() {
        for (name, value, complaint) in [
            ("DOOR_LIMIT", "many", "DOOR_LIMIT is \"many\": it must be a whole number of 0 or more; for example 7"),
            ("DOOR_LIMIT", "", "DOOR_LIMIT is empty: it must be a whole number of 0 or more; for example 7"),
            ("DOOR_LIMIT", "-1", "DOOR_LIMIT is \"-1\": it must be a whole number of 0 or more; for example 7"),
            ("DOOR_LIMIT", "70000", "DOOR_LIMIT is 70000: it must be a whole number from 0 to 65535; for example 7"),
            ("DOOR_LIMIT", "0", "DOOR_LIMIT is 0: it must be at least 1"),
            ("DOOR_LISTEN", "nowhere", "an IP address and a port; for example 127.0.0.1:3003"),
            ("DOOR_LISTEN", "\u{1b}[2J", "DOOR_LISTEN is \"\\u{1b}[2J\": it must be"),
        ] {
            let error = read(&[(name, value)]).err().unwrap();
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn a_complaint_about_a_file_names_it_and_quotes_no_secret() {
        let path = std::env::temp_dir().join(format!("complaints-{}.toml", std::process::id()));
        let path = path.to_string_lossy().into_owned();
        let complaint = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&[("CONFIG_FILE", &path)]).err().unwrap()
        };
        let place = |key: &str| format!("{key} in [door] of {path} (DOOR_{})", key.to_uppercase());
        let many = complaint("[door]\nlimit = \"many\"\n");
        assert_eq!(
            many,
            format!("{} is \"many\": it must be a whole number from 0 to 65535; for example 7", place("limit"))
        );
        assert_eq!(complaint("[door]\nlimit = 0\n"), format!("{} is 0: it must be at least 1", place("limit")));
        assert_eq!(complaint("[door]\nlimt = 1\n"), format!("{} is no setting; did you mean limit?", place("limt")));
        assert!(complaint("[door]\nzzz = 1\n").ends_with("is no setting; there are: limit, listen, secret"));
        for text in ["[door]\nsecret = 4711\n", "[door]\nsecret = [4711]\n", "[door]\nsecret = { a = 4711 }\n"] {
            let error = complaint(text);
            assert!(error.starts_with(&place("secret")) && !error.contains("4711"), "{error}");
        }
        let error = complaint("[door]\nsecret = \"4711\nlimit = 1");
        assert!(error.starts_with("CONFIG_FILE") && error.contains("line 2") && !error.contains("4711"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_stands_between_defaults_and_environment() {
        let path = std::env::temp_dir().join(format!("settings-{}.toml", std::process::id()));
        std::fs::write(&path, "[door]\nlimit = 3\nsecret = \"f\"\n").unwrap();
        let path = path.to_string_lossy();
        let door = read(&[("CONFIG_FILE", &path), ("DOOR_LIMIT", "4")]).unwrap();
        assert_eq!((door.limit, door.secret.as_str()), (4, "f"));
        std::fs::write(&*path, "[door]\nlimmit = 3\n").unwrap();
        assert!(read(&[("CONFIG_FILE", &path)]).err().unwrap().contains("limmit"));
        std::fs::remove_file(&*path).unwrap();
        assert!(read(&[("CONFIG_FILE", &path)]).err().unwrap().starts_with("CONFIG_FILE"));
    }

    #[test]
    fn a_secret_may_stand_in_a_file_of_its_own() {
        let path = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        std::fs::write(&path, " 007\n").unwrap();
        let path = path.to_string_lossy();
        assert_eq!(read(&[("DOOR_SECRET_FILE", &path)]).unwrap().secret, " 007");
        assert!(read(&[("DOOR_SECRET_FILE", &path), ("DOOR_SECRET", "x")]).err().unwrap().starts_with("DOOR_SECRET"));
        std::fs::remove_file(&*path).unwrap();
        assert!(read(&[("DOOR_SECRET_FILE", &path)]).err().unwrap().starts_with("DOOR_SECRET_FILE"));
        let variables = [("DOOR_SECRET_FILE".to_owned(), "/dev/null".to_owned())];
        let mut settings = Settings::from_variables(variables.into_iter()).unwrap();
        settings.section::<Door>().unwrap();
        assert_eq!(settings.unknown().count(), 0);
    }

    #[test]
    fn a_misspelt_variable_is_noticed() {
        let variables = [("DOOR_LIMITS".to_owned(), "3".to_owned()), ("DOORBELL".to_owned(), "x".to_owned())];
        let mut settings = Settings::from_variables(variables.into_iter()).unwrap();
        settings.section::<Door>().unwrap();
        assert_eq!(settings.unknown().collect::<Vec<_>>(), ["DOOR_LIMITS"]);
        settings.section_named::<Door>("door_limits").unwrap();
        assert_eq!(settings.unknown().count(), 1, "a section may begin like another's setting");
    }
}
