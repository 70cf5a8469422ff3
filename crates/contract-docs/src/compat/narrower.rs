//! Finds breaking changes of a schema.
//!
//! A schema of input may only become wider: what was accepted must still be accepted. A schema of output may only gain
//! fields: those that it had must stay, with their types.

use std::collections::BTreeSet;

use serde_json::Value;

/// The direction of a schema's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Others send them to us.
    In,
    /// We send them to others.
    Out,
}

/// A schema, and the document that its references are in.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) document: &'a Value,
    pub(crate) schema: &'a Value,
}

impl<'a> Place<'a> {
    fn resolved(self) -> Self {
        match self.schema["$ref"].as_str() {
            Some(reference) => {
                let schema = self.document.pointer(&reference[1..]).unwrap_or(&Value::Null);
                Self { schema, ..self }.resolved()
            }
            None => self,
        }
    }

    fn at(self, key: &str) -> Option<Self> {
        self.schema.get(key).map(|schema| Self { schema, ..self })
    }

    fn property(self, name: &str) -> Option<Self> {
        self.at("properties")?.at(name)
    }

    fn names(self, key: &str) -> BTreeSet<&'a str> {
        match &self.schema[key] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            Value::Object(properties) => properties.keys().map(String::as_str).collect(),
            Value::String(name) => BTreeSet::from([name.as_str()]),
            _ => BTreeSet::new(),
        }
    }

    /// The types that are allowed; an enumeration of texts implies `string`.
    fn types(self) -> BTreeSet<&'a str> {
        let named = self.names("type");
        if named.is_empty() && self.values().is_some_and(|all| all.iter().all(|value| value.starts_with('"'))) {
            return BTreeSet::from(["string"]);
        }
        named
    }

    /// The values that are allowed, if only some are.
    fn values(self) -> Option<BTreeSet<String>> {
        if let Some(value) = self.schema.get("const") {
            return Some(BTreeSet::from([value.to_string()]));
        }
        let all = self.schema.get("enum").or_else(|| self.schema.get("oneOf"))?.as_array()?;
        Some(all.iter().map(|one| one.get("const").unwrap_or(one).to_string()).collect())
    }
}

/// Adds what a new schema breaks; each sentence begins with the place.
pub(crate) fn breaks(way: Way, old: Place<'_>, new: Place<'_>, at: &str, found: &mut Vec<String>) {
    let (old, new) = (old.resolved(), new.resolved());
    types(way, old, new, at, found);
    values(way, old, new, at, found);
    bounds(way, old, new, at, found);
    for key in ["pattern", "format", "multipleOf"] {
        let (before, now) = (old.schema.get(key), new.schema.get(key));
        if before != now && (now.is_some() || way == Way::Out) {
            found.push(format!("{at}: its {key} has changed"));
        }
    }
    fields(way, old, new, at, found);
    if let (Some(old), Some(new)) = (old.at("items"), new.at("items")) {
        breaks(way, old, new, &format!("{at}[]"), found);
    }
    for key in ["allOf", "anyOf"] {
        let parts = |place: Place<'_>| place.schema[key].as_array().map_or(0, Vec::len);
        if parts(old) != parts(new) {
            found.push(format!("{at}: its composition has changed"));
        }
        for n in 0..parts(old).min(parts(new)) {
            let old = Place { schema: &old.schema[key][n], ..old };
            let new = Place { schema: &new.schema[key][n], ..new };
            breaks(way, old, new, at, found);
        }
    }
}

fn types(way: Way, old: Place<'_>, new: Place<'_>, at: &str, found: &mut Vec<String>) {
    let (before, now) = (old.types(), new.types());
    let (few, many) = if way == Way::In { (&before, &now) } else { (&now, &before) };
    let known = |name: &&&str| many.contains(**name) || (**name == "integer" && many.contains("number"));
    if !many.is_empty() && (few.is_empty() || few.iter().filter(|name| !known(name)).count() > 0) {
        found.push(format!("{at}: its type was {before:?} and is {now:?}"));
    }
}

fn values(way: Way, old: Place<'_>, new: Place<'_>, at: &str, found: &mut Vec<String>) {
    match (way, old.values(), new.values()) {
        (Way::In, None, Some(_)) => found.push(format!("{at}: only some values are accepted now")),
        (_, Some(before), Some(now)) => {
            // Receivers must accept codes and kinds that they do not know.
            found.extend(before.difference(&now).map(|value| format!("{at}: the value {value} is gone")));
        }
        _ => {}
    }
}

/// Only for input: a larger value in a reply breaks no reader of JSON.
fn bounds(way: Way, old: Place<'_>, new: Place<'_>, at: &str, found: &mut Vec<String>) {
    if way == Way::Out {
        return;
    }
    let number = |place: Place<'_>, key: &str| place.schema[key].as_f64();
    for (key, lower) in
        [("minLength", true), ("minimum", true), ("minItems", true), ("maxLength", false), ("maximum", false)]
    {
        let narrower = match (number(old, key), number(new, key)) {
            (_, None) => false,
            (None, Some(now)) => !(lower && now <= 0.0),
            (Some(before), Some(now)) => {
                if lower {
                    now > before
                } else {
                    now < before
                }
            }
        };
        if narrower {
            found.push(format!("{at}: its {key} is narrower"));
        }
    }
}

fn fields(way: Way, old: Place<'_>, new: Place<'_>, at: &str, found: &mut Vec<String>) {
    for name in old.names("properties") {
        match (old.property(name), new.property(name)) {
            (Some(old), Some(new)) => breaks(way, old, new, &format!("{at}.{name}"), found),
            _ => found.push(format!("{at}.{name}: the field is gone")),
        }
    }
    let (before, now) = (old.names("required"), new.names("required"));
    if way == Way::In {
        found.extend(now.difference(&before).map(|name| format!("{at}.{name}: the field is required now")));
    } else {
        let kept = new.names("properties");
        let optional = before.difference(&now).filter(|name| kept.contains(**name));
        found.extend(optional.map(|name| format!("{at}.{name}: the field may be absent now")));
    }
}
