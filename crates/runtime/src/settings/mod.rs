//! Reads settings: defaults, then the file that `CONFIG_FILE` names, then the environment; the last one wins. A text can
//! also be read from a file, which the variable with the suffix `_FILE` names.
//!
//! A section named `gateway` is the table `[gateway]` of the file and the variables `GATEWAY_…`. The defaults of its
//! struct define which settings exist, so a mistyped variable can be found.

mod message;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::StartError;
use crate::section::variable;
pub use crate::section::{Problem, Section, SettingError};
pub use crate::settings::message::nearest;
use crate::settings::message::{INVALID, Place, explain, is, must_be, path_shown, shown};

/// Where sections are read from.
pub struct Settings {
    file: Figment,
    variables: Vec<(String, String)>,
    /// The prefix of each section that was read.
    prefixes: Vec<String>,
    /// The variables of the sections that were read, each with its section and its key.
    known: HashMap<String, (String, String)>,
    /// The settings file, for error messages.
    path: Option<PathBuf>,
    /// Set if the program is not to run.
    only: Option<Only>,
    /// Each setting that was read, with its default.
    defaults: Vec<String>,
    /// The problems found by a check; all of them are reported at the end.
    problems: Vec<String>,
}

/// What to do with the settings instead of running the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Check,
    List,
}

impl Settings {
    /// Takes the process's environment and reads the file that `CONFIG_FILE` names, if any.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_environment() -> Result<Self, SettingError> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::from_variables(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// The same from the given variables.
    pub fn from_variables(variables: impl Iterator<Item = (String, String)>) -> Result<Self, SettingError> {
        let variables: Vec<_> = variables.collect();
        let path = variables.iter().find(|(name, _)| name == "CONFIG_FILE").map(|(_, path)| PathBuf::from(path));
        let file = match &path {
            None => Figment::new(),
            Some(path) => read(path).map_err(|problem| {
                SettingError::line(format!("CONFIG_FILE names {}, which cannot be used: {problem}", path.display()))
            })?,
        };
        Ok(Self {
            file,
            variables,
            prefixes: Vec::new(),
            known: HashMap::new(),
            path,
            only: None,
            defaults: Vec::new(),
            problems: Vec::new(),
        })
    }

    /// Reads one section. The error names every invalid value.
    pub fn section<S: Section>(&mut self) -> Result<S, SettingError> {
        self.checked(S::NAME, S::check)
    }

    /// Reads a section whose struct has several names, or is in a crate that does not depend on this one.
    pub fn section_named<S: Serialize + DeserializeOwned + Default>(&mut self, name: &str) -> Result<S, SettingError> {
        self.checked(name, |_| Vec::new())
    }

    /// Reads such a section and converts it. Its defaults must be valid: a check continues with them.
    pub fn parsed<S, T>(&mut self, name: &str, parse: impl Fn(&S) -> Result<T, Problem>) -> Result<T, SettingError>
    where
        S: Serialize + DeserializeOwned + Default,
    {
        let section: S = self.checked(name, |section| parse(section).err().into_iter().collect())?;
        let parsed = parse(&section).or_else(|_| parse(&S::default()));
        parsed.map_err(|(key, problem)| SettingError::of(name, key, problem))
    }

    /// Reads and checks a section. A check of all settings collects the problems and continues with the valid values.
    fn checked<S>(&mut self, name: &str, check: impl Fn(&S) -> Vec<Problem>) -> Result<S, SettingError>
    where
        S: Serialize + DeserializeOwned + Default,
    {
        let defaults = Figment::from(Serialized::defaults(S::default()));
        let (mut valid, mut problems) = self.valid::<S>(name, &defaults)?;
        let section: S = defaults.clone().merge(Values(valid.clone())).extract().map_err(|error| internal(&error))?;
        for (key, problem) in check(&section) {
            // A setting that was just reported has its default now, so a problem with that is not the user's.
            if !is_reported(&problems, &variable(name, key)) {
                problems.push(self.describe(name, &section, key, &problem));
            }
            valid.remove(key);
        }
        if problems.is_empty() {
            return Ok(section);
        }
        if self.only.is_none() {
            return Err(SettingError(problems));
        }
        self.problems.append(&mut problems);
        defaults.merge(Values(valid)).extract().map_err(|error| internal(&error))
    }

    /// The values of a section that have the right type, and the problems with the others.
    fn valid<S>(&mut self, name: &str, defaults: &Figment) -> Result<(Dict, Vec<String>), SettingError>
    where
        S: DeserializeOwned,
    {
        let known: Dict = defaults.extract().map_err(|error| internal(&error))?;
        self.register(name, &known);
        let (environment, mut problems) = environment(name, &known, &self.variables);
        let given = self.file.focus(name).merge(Values(environment)).extract::<Dict>();
        let invalid = |error| SettingError::line(explain(&self.place(name), &error, &known));
        let mut valid = given.map_err(invalid)?;
        valid.retain(|key, value| {
            // One at a time, so that an invalid one hides no other.
            let alone = Values([(key.clone(), value.clone())].into());
            let error = defaults.clone().merge(alone).extract::<S>().err();
            problems.extend(error.iter().map(|error| explain(&self.place(name), error, &known)));
            error.is_none()
        });
        Ok((valid, problems))
    }

    fn register(&mut self, name: &str, known: &Dict) {
        self.prefixes.push(variable(name, ""));
        self.defaults.extend(known.iter().map(|(key, default)| format!("{}={}", variable(name, key), plain(default))));
        for (key, default) in known {
            let place = (name.to_owned(), key.clone());
            if matches!(default, Value::String(..)) {
                self.known.insert(variable(name, &format!("{key}_file")), place.clone());
            }
            self.known.insert(variable(name, key), place);
        }
    }

    /// Describes which rule a value of the right type breaks.
    fn describe<S: Serialize>(&self, name: &str, section: &S, key: &str, problem: &str) -> String {
        let place = self.place(name).of(key);
        let values = Figment::from(Serialized::defaults(section)).extract::<Dict>().unwrap_or_default();
        let value = match values.get(key) {
            Some(Value::String(_, text)) => Some(shown(text)),
            Some(Value::Num(_, number)) => number.to_u128().map(|number| number.to_string()),
            Some(Value::Bool(_, value)) => Some(value.to_string()),
            _ => None,
        };
        match is(key, value.as_deref()).filter(|_| problem.starts_with("must ")) {
            Some(is) => format!("{place} {is}: it {problem}"),
            None => format!("{place} {problem}"),
        }
    }

    /// Adds the problems found by a check to an error from using the settings, such as opening the files that they name.
    pub fn with_problems<T>(&mut self, outcome: Result<T, StartError>) -> Result<T, StartError> {
        outcome.map_err(|error| {
            let StartError::Setting(SettingError(lines)) = error else { return error };
            for line in lines {
                let (variable, problem) = line.split_once(' ').unwrap_or((&line, ""));
                if !is_reported(&self.problems, variable) {
                    let place = self.known.get(variable).map(|(section, key)| self.place(section).of(key));
                    self.problems.push(format!("{} {problem}", place.as_deref().unwrap_or(variable)));
                }
            }
            SettingError(std::mem::take(&mut self.problems)).into()
        })
    }

    fn place<'a>(&'a self, section: &'a str) -> Place<'a> {
        Place { section, variables: &self.variables, file: self.path.as_deref() }
    }

    /// Whether the settings are only checked. Then nothing may connect.
    pub fn only_checked(&self) -> bool {
        self.only.is_some()
    }

    pub(crate) fn set_only(&mut self, only: Option<Only>) {
        self.only = only;
    }

    /// Finishes reading: warns about variables that look like ours but are not settings, which are probably misspelt. If
    /// the settings are only checked, the process ends here.
    pub fn done(&mut self) -> Result<(), StartError> {
        if self.only.is_some() {
            self.warn_of_unknown();
        } else {
            for name in self.unknown() {
                tracing::warn!(
                    variable = name,
                    did_you_mean = self.suggestion(name),
                    "no setting has this name; it is ignored"
                );
            }
        }
        if !self.problems.is_empty() {
            return Err(SettingError(std::mem::take(&mut self.problems)).into());
        }
        match self.only {
            None => Ok(()),
            Some(Only::Check) => Err(StartError::Answered("the settings are fine".into())),
            Some(Only::List) => Err(StartError::Answered(self.defaults.join("\n"))),
        }
    }

    /// Prints the same warnings to standard error, for the sections read so far: for programs without a log.
    pub fn warn_of_unknown(&self) {
        for name in self.unknown() {
            let hint = self.suggestion(name).map_or_else(String::new, |name| format!("; did you mean {name}?"));
            let _ = writeln!(std::io::stderr(), "warning: no setting is called {name}; it is ignored{hint}");
        }
    }

    /// The setting that an unknown name may be a typo of: at most two letters differ, are missing, added or swapped.
    fn suggestion(&self, name: &str) -> Option<&str> {
        let known = self.known.keys().map(|known| (strsim::osa_distance(name, known), known.as_str()));
        known.min().filter(|(distance, _)| *distance <= 2).map(|(_, known)| known)
    }

    fn unknown(&self) -> impl Iterator<Item = &String> {
        let names = self.variables.iter().map(|(name, _)| name);
        names.filter(|name| {
            self.prefixes.iter().any(|prefix| name.starts_with(prefix)) && !self.known.contains_key(*name)
        })
    }
}

/// An error that no value of a setting causes.
fn internal(error: &figment::Error) -> SettingError {
    SettingError::line(error.to_string())
}

/// Parses a settings file now, rather than at the first section.
fn read(path: &Path) -> Result<Figment, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file = Figment::from(Toml::string(&text));
    match file.extract::<Dict>() {
        Ok(_) => Ok(file),
        // Only the first line of the parser's message: the others quote the file, which may contain a secret.
        Err(error) => Err(error.kind.to_string().lines().next().unwrap_or("it is not TOML").to_owned()),
    }
}

/// A default as the value of a variable.
fn plain(default: &Value) -> String {
    match default {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => number.to_u128().map_or_else(String::new, |number| number.to_string()),
        _ => String::new(),
    }
}

/// The text of a setting: its variable's value or, for text settings, the content of the file that the variable with
/// `_FILE` names, as secrets are often provided. One trailing newline is not part of it.
fn text_of(
    section: &str,
    key: &str,
    default: &Value,
    variables: &[(String, String)],
) -> Result<Option<String>, String> {
    let find = |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, text)| text);
    let own = variable(section, key);
    let by_file = format!("{own}_FILE");
    let file = find(&by_file).filter(|_| matches!(default, Value::String(..)));
    match (find(&own), file) {
        (Some(_), Some(_)) => Err(format!("{own} is given twice: by itself and with _FILE")),
        (Some(text), None) => Ok(Some(text.clone())),
        (None, None) => Ok(None),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Err(format!("{by_file} names {}, which cannot be read: {error}", path_shown(key, path))),
        },
    }
}

/// The values of a section in the environment, and the problems with them. A variable has the type of its default, so a
/// password of digits stays text.
fn environment(section: &str, known: &Dict, variables: &[(String, String)]) -> (Dict, Vec<String>) {
    let (mut values, mut problems) = (Dict::new(), Vec::new());
    for (key, default) in known {
        let text = text_of(section, key, default, variables);
        let value = text.and_then(|text| text.map(|text| typed(section, key, &text, default)).transpose());
        match value {
            Ok(value) => values.extend(value.map(|value| (key.clone(), value))),
            Err(problem) => problems.push(problem),
        }
    }
    (values, problems)
}

/// A variable's text as a value of its default's type.
fn typed(section: &str, key: &str, text: &str, default: &Value) -> Result<Value, String> {
    let value = match default {
        Value::Num(..) => text.trim().parse::<u64>().map(Value::from).ok(),
        Value::Bool(..) => text.trim().parse::<bool>().map(Value::from).ok(),
        _ => Some(Value::from(text)),
    };
    value.ok_or_else(|| {
        let must = must_be("u64", Some(default));
        let is = is(key, Some(&shown(text.trim()))).unwrap_or_else(|| INVALID.into());
        format!("{} {is}: it must be {must}", variable(section, key))
    })
}

/// Whether a problem with a variable, or with its key in the file, was reported already.
fn is_reported(problems: &[String], variable: &str) -> bool {
    let (by_name, by_key) = (format!("{variable} "), format!("({variable}) "));
    problems.iter().any(|problem| problem.starts_with(&by_name) || problem.contains(&by_key))
}

/// Values as a provider.
struct Values(Dict);

impl Provider for Values {
    fn metadata(&self) -> Metadata {
        Metadata::named("values")
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
    struct Server {
        listen: SocketAddr,
        limit: u16,
        secret: String,
    }

    impl Default for Server {
        fn default() -> Self {
            Self { listen: SocketAddr::from(([127, 0, 0, 1], 3003)), limit: 7, secret: String::new() }
        }
    }

    impl Section for Server {
        const NAME: &'static str = "server";

        fn check(&self) -> Vec<Problem> {
            if self.limit == 0 { vec![("limit", "must be at least 1".into())] } else { Vec::new() }
        }
    }

    fn read(variables: &[(&str, &str)]) -> Result<Server, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::from_variables(variables).map_err(|error| error.to_string())?;
        settings.section().map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_overrides_the_default() {
        assert_eq!(read(&[]).unwrap().limit, 7);
        assert_eq!(read(&[("SERVER_LIMIT", "9")]).unwrap().limit, 9);
    }

    #[test]
    fn text_that_looks_like_a_number_stays_text() {
        assert_eq!(read(&[("SERVER_SECRET", "007")]).unwrap().secret, "007");
        assert_eq!(read(&[("SERVER_SECRET", " [a] ")]).unwrap().secret, " [a] ");
    }

    #[test]
    fn an_error_names_the_variable() {
        for (name, value) in
            [("SERVER_LISTEN", "nowhere"), ("SERVER_LIMIT", "many"), ("SERVER_LIMIT", "70000"), ("SERVER_LIMIT", "0")]
        {
            let error = read(&[(name, value)]).err().unwrap();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn an_error_says_the_value_and_what_it_must_be() {
        for (name, value, message) in [
            ("SERVER_LIMIT", "many", "SERVER_LIMIT is \"many\": it must be a whole number of 0 or more; for example 7"),
            ("SERVER_LIMIT", "", "SERVER_LIMIT is empty: it must be a whole number of 0 or more; for example 7"),
            ("SERVER_LIMIT", "-1", "SERVER_LIMIT is \"-1\": it must be a whole number of 0 or more; for example 7"),
            (
                "SERVER_LIMIT",
                "70000",
                "SERVER_LIMIT is 70000: it must be a whole number from 0 to 65535; for example 7",
            ),
            ("SERVER_LIMIT", "0", "SERVER_LIMIT is 0: it must be at least 1"),
            ("SERVER_LISTEN", "nowhere", "an IP address and a port; for example 127.0.0.1:3003"),
            ("SERVER_LISTEN", "\u{1b}[2J", "SERVER_LISTEN is \"\\u{1b}[2J\": it must be"),
        ] {
            let error = read(&[(name, value)]).err().unwrap();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn an_error_in_a_file_names_it_and_quotes_no_secret() {
        let path = std::env::temp_dir().join(format!("complaints-{}.toml", std::process::id()));
        let path = path.to_string_lossy().into_owned();
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&[("CONFIG_FILE", &path)]).err().unwrap()
        };
        let place = |key: &str| format!("{key} in [server] of {path} (SERVER_{})", key.to_uppercase());
        let many = error("[server]\nlimit = \"many\"\n");
        assert_eq!(
            many,
            format!("{} is \"many\": it must be a whole number from 0 to 65535; for example 7", place("limit"))
        );
        assert_eq!(error("[server]\nlimit = 0\n"), format!("{} is 0: it must be at least 1", place("limit")));
        assert_eq!(error("[server]\nlimt = 1\n"), format!("{} is no setting; did you mean limit?", place("limt")));
        assert!(error("[server]\nzzz = 1\n").ends_with("is no setting; there are: limit, listen, secret"));
        for text in ["[server]\nsecret = 4711\n", "[server]\nsecret = [4711]\n", "[server]\nsecret = { a = 4711 }\n"] {
            let error = error(text);
            assert!(error.starts_with(&place("secret")) && !error.contains("4711"), "{error}");
        }
        let error = error("[server]\nsecret = \"4711\nlimit = 1");
        assert!(error.starts_with("CONFIG_FILE") && error.contains("line 2") && !error.contains("4711"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let path = std::env::temp_dir().join(format!("everything-{}.toml", std::process::id()));
        std::fs::write(&path, "[server]\nsecret = 4711\nlisten = \"x\"\nlimt = 1\n").unwrap();
        let path = path.to_string_lossy();
        let variables = [("CONFIG_FILE", path.as_ref()), ("SERVER_LIMIT", "0"), ("SERVER_LISTEN", "here")];
        let error = read(&variables).err().unwrap();
        let mut lines: Vec<_> = error.lines().map(|line| line.split(' ').next().unwrap()).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["SERVER_LIMIT", "SERVER_LISTEN", "limt", "secret"], "{error}");

        // A check reads all sections before it reports.
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut settings = Settings::from_variables(variables.into_iter()).unwrap();
        settings.set_only(Some(Only::Check));
        assert_eq!(settings.section::<Server>().ok().unwrap().limit, 7, "an invalid value is replaced by the default");
        let limit = settings
            .parsed("gate", |server: &Server| if server.limit == 7 { Ok(7) } else { Err(("limit", "x".into())) });
        assert_eq!(limit.ok(), Some(7));
        let later = SettingError(vec!["SERVER_SECRET names no file".into(), "GATE_KEY names no file".into()]);
        let error = settings.with_problems::<()>(Err(later.into())).err().unwrap().to_string();
        assert!(error.lines().count() == 5 && error.ends_with("GATE_KEY names no file"), "{error}");
        std::fs::remove_file(&*path).unwrap();
    }

    #[test]
    fn a_file_overrides_defaults_and_the_environment_overrides_the_file() {
        let path = std::env::temp_dir().join(format!("settings-{}.toml", std::process::id()));
        std::fs::write(&path, "[server]\nlimit = 3\nsecret = \"f\"\n").unwrap();
        let path = path.to_string_lossy();
        let server = read(&[("CONFIG_FILE", &path), ("SERVER_LIMIT", "4")]).unwrap();
        assert_eq!((server.limit, server.secret.as_str()), (4, "f"));
        std::fs::write(&*path, "[server]\nlimmit = 3\n").unwrap();
        assert!(read(&[("CONFIG_FILE", &path)]).err().unwrap().contains("limmit"));
        std::fs::remove_file(&*path).unwrap();
        assert!(read(&[("CONFIG_FILE", &path)]).err().unwrap().starts_with("CONFIG_FILE"));
    }

    #[test]
    fn a_secret_may_be_in_its_own_file() {
        let path = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        std::fs::write(&path, " 007\n").unwrap();
        let path = path.to_string_lossy();
        assert_eq!(read(&[("SERVER_SECRET_FILE", &path)]).unwrap().secret, " 007");
        assert!(
            read(&[("SERVER_SECRET_FILE", &path), ("SERVER_SECRET", "x")]).err().unwrap().starts_with("SERVER_SECRET")
        );
        std::fs::remove_file(&*path).unwrap();
        assert!(read(&[("SERVER_SECRET_FILE", &path)]).err().unwrap().starts_with("SERVER_SECRET_FILE"));
        let variables = [("SERVER_SECRET_FILE".to_owned(), "/dev/null".to_owned())];
        let mut settings = Settings::from_variables(variables.into_iter()).unwrap();
        settings.section::<Server>().unwrap();
        assert_eq!(settings.unknown().count(), 0);
    }

    #[test]
    fn a_misspelt_variable_is_reported() {
        let variables = [("SERVER_LIMITS".to_owned(), "3".to_owned()), ("SERVERS".to_owned(), "x".to_owned())];
        let mut settings = Settings::from_variables(variables.into_iter()).unwrap();
        settings.section::<Server>().unwrap();
        assert_eq!(settings.unknown().collect::<Vec<_>>(), ["SERVER_LIMITS"]);
        assert_eq!(
            [settings.suggestion("SERVER_LIMITS"), settings.suggestion("SERVER_COLOUR")],
            [Some("SERVER_LIMIT"), None]
        );
        settings.section_named::<Server>("server_limits").unwrap();
        assert_eq!(settings.unknown().count(), 1, "a section's name may begin like a setting of another");
    }
}
