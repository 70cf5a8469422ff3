//! Reads a JSON object field by field and collects every error, not only the first.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::fault::Invalid;
use crate::message::HasSchema;

/// How many unknown fields a reply lists at most. This limits the size of the reply.
const UNKNOWN_FIELDS_NAMED: usize = 8;
/// How many characters of an unknown field's name a reply quotes.
const UNKNOWN_FIELD_CHARS: usize = 40;

/// A type that can be read from one JSON value; the error is the rest of a sentence, such as "must be a string". Its
/// schema states the same rules in JSON Schema.
pub trait Field: HasSchema + Sized {
    /// Reads and validates the value.
    fn read(value: &RawValue) -> Result<Self, String>;
}

/// Reads the fields of a message.
pub trait Fields {
    /// Reads a required field.
    fn required<T: Field>(&mut self, name: &'static str) -> Option<T>;

    /// Reads an optional field, which may be absent or `null`. The outer `None` means that it was present and invalid.
    fn optional<T: Field>(&mut self, name: &'static str) -> Option<Option<T>>;

    /// Adds an error for a field that contradicts another.
    fn refuse(&mut self, name: &'static str, problem: &str);
}

/// The fields of one JSON object, removed as they are read.
pub struct Input<'a> {
    fields: Vec<(String, &'a RawValue)>,
    errors: Invalid,
}

impl<'a> Input<'a> {
    /// Splits an object into its fields. Values are not parsed until they are read, so deep nesting costs nothing.
    pub fn parse(data: &'a RawValue) -> Result<Self, Invalid> {
        let Split(fields) =
            serde_json::from_str(data.get()).map_err(|_| Invalid::field("body", "must be a JSON object"))?;
        Ok(Self { fields, errors: Invalid::default() })
    }

    /// The message, unless there was an error or an unknown field.
    pub fn finish<T>(mut self, message: Option<T>) -> Result<T, Invalid> {
        for (name, _) in self.fields.iter().take(UNKNOWN_FIELDS_NAMED) {
            let name: String = name.chars().take(UNKNOWN_FIELD_CHARS).collect();
            self.errors.add(&name, "is not a known field: leave it out");
        }
        message.filter(|_| self.errors.is_empty()).ok_or(self.errors)
    }

    fn read<T: Field>(&mut self, name: &str, value: &RawValue) -> Option<T> {
        T::read(value).map_err(|problem| self.errors.add(name, problem)).ok()
    }

    fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.fields.iter().position(|(field, _)| field == name)?;
        let (_, value) = self.fields.swap_remove(at);
        if self.fields.iter().any(|(field, _)| field == name) {
            self.fields.retain(|(field, _)| field != name);
            self.errors.add(name, "is given more than once: send it once");
        }
        Some(value)
    }
}

impl Fields for Input<'_> {
    fn required<T: Field>(&mut self, name: &'static str) -> Option<T> {
        if let Some(value) = self.take(name) {
            return self.read(name, value);
        }
        self.errors.add(name, "is required: add it");
        None
    }

    fn optional<T: Field>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) if value.get() != "null" => self.read(name, value).map(Some),
            _ => Some(None),
        }
    }

    fn refuse(&mut self, name: &'static str, problem: &str) {
        self.errors.add(name, problem);
    }
}

struct Split<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Split<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Split<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Split(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::text::Text;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    fn errors(json: &str) -> String {
        let mut input = match Input::parse(raw(json)) {
            Ok(input) => input,
            Err(errors) => return serde_json::to_string(&errors).unwrap(),
        };
        let first: Option<Text<1, 3>> = input.required("first");
        let second: Option<Option<Text<1, 3>>> = input.optional("second");
        match input.finish(first.zip(second)) {
            Ok(_) => String::new(),
            Err(errors) => serde_json::to_string(&errors).unwrap(),
        }
    }

    #[test]
    fn every_problem_is_reported_at_its_field() {
        let all = errors(r#"{"second":7,"third":1}"#);
        assert_eq!(
            all,
            r#"{"first":["is required: add it"],"second":["must be a string"],"third":["is not a known field: leave it out"]}"#
        );
    }

    #[test]
    fn null_and_absent_are_the_same_for_an_optional_field() {
        assert_eq!(errors(r#"{"first":"a"}"#), "");
        assert_eq!(errors(r#"{"first":"a","second":null}"#), "");
    }

    #[test]
    fn a_repeated_field_is_rejected() {
        assert_eq!(errors(r#"{"first":"a","first":"b"}"#), r#"{"first":["is given more than once: send it once"]}"#);
    }

    #[test]
    fn a_value_that_is_not_an_object_is_rejected_however_deeply_nested() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(errors(&deep), r#"{"body":["must be a JSON object"]}"#);
        let inner = format!(r#"{{"first":{deep}}}"#);
        assert_eq!(errors(&inner), r#"{"first":["must be a string"]}"#);
    }

    #[test]
    fn many_unknown_fields_give_a_short_reply() {
        let many: Vec<String> = (0..5_000).map(|n| format!(r#""{n}{}":0"#, "x".repeat(90))).collect();
        assert!(errors(&format!("{{{}}}", many.join(","))).len() < 1_000);
    }
}
