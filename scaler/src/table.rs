//! Reads the file of limits: `[default]`, and a table for each pattern that differs, such as `[orders.get]`.

use std::path::Path;

use contracts::PATTERNS;
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};

use crate::policy::Limits;

/// The table for patterns that have none of their own.
const DEFAULT: &str = "default";

/// Reads the limits of every pattern; the error is a sentence part.
pub(crate) fn read(path: &str) -> Result<Vec<(&'static str, Limits)>, String> {
    let text = if path.is_empty() {
        String::new()
    } else {
        std::fs::read_to_string(Path::new(path))
            .map_err(|error| format!("names {path:?}, which cannot be read: {error}"))?
    };
    parse(&text).map_err(|problem| format!("names {path:?}, which cannot be used: {problem}"))
}

fn parse(text: &str) -> Result<Vec<(&'static str, Limits)>, String> {
    let table = Figment::from(Toml::string(text));
    let all: Dict = table.extract().map_err(|error| error.to_string())?;
    if let Some(name) = unknown(&all).into_iter().next() {
        return Err(format!("there is no pattern {name}"));
    }
    let limits = |pattern: &'static str| {
        let defaults = Figment::from(Serialized::defaults(Limits::default()));
        let merged = defaults.merge(table.focus(DEFAULT)).merge(table.focus(pattern));
        let limits: Limits = merged.extract().map_err(|error| format!("[{pattern}] {error}"))?;
        if limits.max == 0 || limits.max < limits.min {
            return Err(format!("[{pattern}] max must be at least 1, and at least min"));
        }
        Ok((pattern, limits))
    };
    PATTERNS.into_iter().map(limits).collect()
}

/// Tables that belong to no pattern.
fn unknown(all: &Dict) -> Vec<String> {
    let services = all.iter().filter(|(name, _)| *name != DEFAULT);
    let patterns = services.flat_map(|(service, table)| match table {
        Value::Dict(_, patterns) => patterns.keys().map(|pattern| format!("{service}.{pattern}")).collect(),
        _ => vec![service.clone()],
    });
    patterns.filter(|name| !PATTERNS.contains(&name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str, pattern: &str) -> Limits {
        parse(text).unwrap().into_iter().find(|(name, _)| *name == pattern).unwrap().1
    }

    #[test]
    fn a_table_overrides_the_default_table_which_overrides_the_built_in_defaults() {
        let text = "[default]\nmin = 1\nmax = 8\n[orders.get]\nmin = 0\n";
        assert_eq!(limits(text, "orders.get"), Limits { min: 0, max: 8, ..Limits::default() });
        assert_eq!(limits(text, "users.login"), Limits { min: 1, max: 8, ..Limits::default() });
        assert_eq!(limits("", "users.login"), Limits::default());
    }

    #[test]
    fn errors_name_the_problem() {
        for (text, word) in [
            ("[orders.gte]\nmin = 1", "orders.gte"),
            ("orders = 1", "orders"),
            ("[orders.get]\nmaximum = 1", "maximum"),
            ("[orders.get]\nmax = 0", "max"),
            ("[default]\nmin = 5", "min"),
            ("[default", "expected"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text:?}: {error}");
        }
    }
}
