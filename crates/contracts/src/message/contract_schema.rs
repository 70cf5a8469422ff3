//! The JSON Schema of a request and its reply, for the published documents.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator};

use crate::message::input::{Field, Fields, Input};
use crate::message::request::Request;

/// Generates the schemas of a request type.
#[derive(Clone, Copy)]
pub struct ContractSchema {
    /// The message type's name.
    pub name: fn() -> Cow<'static, str>,
    /// The fields that its decoder reads, in order.
    pub fields: fn(&mut SchemaGenerator) -> Vec<FieldContract>,
    /// The message type's own schema, for its descriptions, which the decoder does not have.
    pub message: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of a success.
    pub reply: fn(&mut SchemaGenerator) -> Schema,
}

impl ContractSchema {
    /// The schemas of a request type.
    pub(crate) const fn of<R: Request>() -> Self {
        Self {
            name: R::schema_name,
            fields: fields::<R>,
            message: R::json_schema,
            reply: |generator| generator.subschema_for::<R::Reply>(),
        }
    }
}

/// One field of a message.
#[derive(Debug)]
pub struct FieldContract {
    /// Its name.
    pub name: &'static str,
    /// Whether it is required; otherwise it may also be `null`.
    pub required: bool,
    /// The rules of its value.
    pub schema: Schema,
}

/// Runs the decoder on the message's example and records every field that it reads. So the schema always matches the
/// decoder, and the example is valid.
fn fields<R: Request>(generator: &mut SchemaGenerator) -> Vec<FieldContract> {
    let data = serde_json::from_str(R::EXAMPLE).expect("an example is JSON: a test reads each");
    let input = Input::parse(data).expect("an example is an object: a test reads each");
    let mut recorder = Recorder { input, generator, fields: Vec::new() };
    R::read(&mut recorder).expect("an example is valid: a test reads each");
    recorder.fields
}

/// Reads fields and records them.
struct Recorder<'a, 'g> {
    input: Input<'a>,
    generator: &'g mut SchemaGenerator,
    fields: Vec<FieldContract>,
}

impl Recorder<'_, '_> {
    fn record<T: Field>(&mut self, name: &'static str, required: bool) {
        let schema = self.generator.subschema_for::<T>();
        self.fields.push(FieldContract { name, required, schema });
    }
}

impl Fields for Recorder<'_, '_> {
    fn required<T: Field>(&mut self, name: &'static str) -> Option<T> {
        self.record::<T>(name, true);
        self.input.required(name)
    }

    fn optional<T: Field>(&mut self, name: &'static str) -> Option<Option<T>> {
        self.record::<T>(name, false);
        self.input.optional(name)
    }

    fn refuse(&mut self, name: &'static str, problem: &str) {
        self.input.refuse(name, problem);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::generate::SchemaSettings;

    use crate::CONTRACTS;

    #[test]
    fn every_decoded_field_has_a_description_and_is_in_the_example() {
        for contract in CONTRACTS {
            let mut generator = SchemaSettings::draft2020_12().into_generator();
            let fields = (contract.schema.fields)(&mut generator);
            let decoded: BTreeSet<&str> = fields.iter().map(|field| field.name).collect();
            let message = (contract.schema.message)(&mut generator).to_value();
            let described = message["properties"].as_object().cloned().unwrap_or_default();
            let names: BTreeSet<&str> = described.keys().map(String::as_str).collect();
            assert_eq!(decoded, names, "{}", contract.pattern);
            assert!(described.values().all(|field| field["description"].is_string()), "{}", contract.pattern);
            let example: serde_json::Value = serde_json::from_str(contract.example).unwrap();
            let shown: BTreeSet<&str> = example.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(decoded, shown, "{}: the example shows every field", contract.pattern);
        }
    }
}
