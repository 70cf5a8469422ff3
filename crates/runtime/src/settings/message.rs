//! The error message for an invalid setting: where it is set, its value, and what it must be.

use std::path::Path;

use figment::Error;
use figment::error::{Actual, Kind};
use figment::value::{Dict, Value};

use crate::section::variable;

/// Where a value came from.
pub(crate) struct Place<'a> {
    pub(crate) section: &'a str,
    pub(crate) variables: &'a [(String, String)],
    /// The settings file.
    pub(crate) file: Option<&'a Path>,
}

impl Place<'_> {
    /// "GATEWAY_THREADS", or "threads in [gateway] of /etc/services.toml (GATEWAY_THREADS)".
    pub(crate) fn of(&self, key: &str) -> String {
        let variable = variable(self.section, key);
        let given = |name: &String| self.variables.iter().any(|(given, _)| given == name);
        match self.file {
            Some(path) if !given(&variable) && !given(&format!("{variable}_FILE")) => {
                format!("{key} in [{}] of {} ({variable})", self.section, path.display())
            }
            _ => variable,
        }
    }
}

/// Whether the value may be secret: a URL may contain a password.
pub(crate) fn is_secret(key: &str) -> bool {
    ["url", "secret", "password", "passphrase", "credentials"]
        .iter()
        .any(|word| key.split('_').any(|part| part == *word))
}

/// The value of a setting: "is 7", "is empty". `None` if it may be secret, or is unknown.
pub(crate) fn is(key: &str, value: Option<&str>) -> Option<String> {
    match value {
        Some("\"\"") => Some("is empty".into()),
        Some(value) if !is_secret(key) => Some(format!("is {value}")),
        _ => None,
    }
}

/// The path in a variable with `_FILE`, unless it looks like the secret itself, put there by mistake.
pub(crate) fn path_shown(key: &str, path: &str) -> String {
    let is_path = ["/", "./", "../"].iter().any(|start| path.starts_with(start));
    if is_secret(key) && !is_path { "a file".into() } else { path.escape_debug().to_string() }
}

/// A value for a message: control characters are escaped, and long values are cut.
pub(crate) fn shown(value: &str) -> String {
    let text: String = value.chars().take(60).collect();
    let cut = if text.len() < value.len() { "…" } else { "" };
    format!("{text:?}{cut}")
}

/// For a value that must not be shown.
pub(crate) const INVALID: &str = "has an invalid value";

/// The range of each integer type.
const BOUNDS: [(&str, &str); 5] = [
    ("u8", "from 0 to 255"),
    ("u16", "from 0 to 65535"),
    ("u32", "from 0 to 4294967295"),
    ("u64", "of 0 or more"),
    ("usize", "of 0 or more"),
];

/// The message: the value (unless it may be secret), what it must be, an example.
pub(crate) fn explain(place: &Place<'_>, error: &Error, known: &Dict) -> String {
    let path = &error.path;
    let key = path.first().map_or("", String::as_str);
    let unknown = |name: &str| {
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        let near = nearest(name, &names)
            .map_or_else(|| format!("there are: {}", names.join(", ")), |near| format!("did you mean {near}?"));
        format!("{} is no setting; {near}", place.of(name))
    };
    let (value, must) = match &error.kind {
        Kind::UnknownField(name, _) => return unknown(name),
        Kind::MissingField(name) => return format!("{} is missing", place.of(name)),
        Kind::InvalidType(actual, wanted) | Kind::InvalidValue(actual, wanted) => {
            (actual_text(actual), must_be(wanted, known.get(key)))
        }
        Kind::UnknownVariant(name, variants) => (Some(shown(name)), format!("one of {}", variants.join(", "))),
        _ => (text_given(place, key), must_be("", known.get(key))),
    };
    let is = is(key, value.as_deref()).unwrap_or_else(|| INVALID.into());
    format!("{} {is}: it must be {must}", place.of(key))
}

fn text_given(place: &Place<'_>, key: &str) -> Option<String> {
    let own = variable(place.section, key);
    place.variables.iter().find(|(name, _)| *name == own).map(|(_, text)| shown(text))
}

fn actual_text(actual: &Actual) -> Option<String> {
    match actual {
        Actual::Bool(value) => Some(value.to_string()),
        Actual::Unsigned(value) => Some(value.to_string()),
        Actual::Signed(value) => Some(value.to_string()),
        Actual::Float(value) => Some(value.to_string()),
        Actual::Char(value) => Some(shown(&value.to_string())),
        Actual::Str(value) => Some(shown(value)),
        Actual::Map => Some("a table".into()),
        Actual::Seq => Some("a list".into()),
        _ => None,
    }
}

/// What a setting must be, by the expected type or else by the default.
pub(crate) fn must_be(wanted: &str, default: Option<&Value>) -> String {
    let bounds = BOUNDS.iter().find(|(name, _)| *name == wanted).map(|(_, bounds)| *bounds);
    match default {
        Some(Value::Num(_, number)) => {
            let bounds = bounds.map_or_else(String::new, |bounds| format!(" {bounds}"));
            let example = number.to_u128().map_or_else(String::new, |number| format!("; for example {number}"));
            format!("a whole number{bounds}{example}")
        }
        Some(Value::Bool(..)) => "true or false".into(),
        Some(Value::String(_, text)) if text.parse::<std::net::SocketAddr>().is_ok() => {
            format!("an IP address and a port; for example {text}")
        }
        Some(Value::String(_, text)) if !text.is_empty() && !text.contains("://") => {
            format!("a text; for example {text}")
        }
        _ => "a text".into(),
    }
}

/// The known name closest to an unknown one, if it is close enough: "did you mean …?"
pub fn nearest<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    const LIKE: f64 = 0.85;
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let nearest = names.iter().map(|other| (likeness(other), *other)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (nearest.0 >= LIKE).then_some(nearest.1)
}
