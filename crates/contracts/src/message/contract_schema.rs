//! The JSON Schema of a request and its reply: for the published documents, and only there.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator};

use crate::message::input::{Field, Fields, Input};
use crate::message::request::Request;

/// What makes the schemas of a request type.
#[derive(Clone, Copy)]
pub struct ContractSchema {
    /// The message type's name.
    pub name: fn() -> Cow<'static, str>,
    /// The fields that its decoder takes, in order.
    pub fields: fn(&mut SchemaGenerator) -> Vec<FieldContract>,
    /// The message type's own schema: its words, which the decoder does not know.
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
    /// Whether it must be there; otherwise it may also be `null`.
    pub required: bool,
    /// The rules of its value.
    pub schema: Schema,
}

/// Lets the decoder itself say what it takes: it reads the message's own example, and every field that it asks for is
/// noted. So the description cannot differ from what is decoded, and the example is one.
fn fields<R: Request>(generator: &mut SchemaGenerator) -> Vec<FieldContract> {
    let data = serde_json::from_str(R::EXAMPLE).expect("an example is JSON: a test reads each");
    let input = Input::parse(data).expect("an example is an object: a test reads each");
    let mut describing = Describing { input, generator, fields: Vec::new() };
    R::read(&mut describing).expect("an example keeps the rules: a test reads each");
    describing.fields
}

/// Reads, and notes what is asked for.
struct Describing<'a, 'g> {
    input: Input<'a>,
    generator: &'g mut SchemaGenerator,
    fields: Vec<FieldContract>,
}

impl Describing<'_, '_> {
    fn note<T: Field>(&mut self, name: &'static str, required: bool) {
        let schema = self.generator.subschema_for::<T>();
        self.fields.push(FieldContract { name, required, schema });
    }
}

impl Fields for Describing<'_, '_> {
    fn required<T: Field>(&mut self, name: &'static str) -> Option<T> {
        self.note::<T>(name, true);
        self.input.required(name)
    }

    fn optional<T: Field>(&mut self, name: &'static str) -> Option<Option<T>> {
        self.note::<T>(name, false);
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
    fn every_field_that_a_decoder_takes_is_explained_and_in_the_example() {
        for contract in CONTRACTS {
            let mut generator = SchemaSettings::draft2020_12().into_generator();
            let fields = (contract.schema.fields)(&mut generator);
            let taken: BTreeSet<&str> = fields.iter().map(|field| field.name).collect();
            let message = (contract.schema.message)(&mut generator).to_value();
            let explained = message["properties"].as_object().cloned().unwrap_or_default();
            let names: BTreeSet<&str> = explained.keys().map(String::as_str).collect();
            assert_eq!(taken, names, "{}", contract.pattern);
            assert!(explained.values().all(|field| field["description"].is_string()), "{}", contract.pattern);
            let example: serde_json::Value = serde_json::from_str(contract.example).unwrap();
            let shown: BTreeSet<&str> = example.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(taken, shown, "{}: the example shows every field", contract.pattern);
        }
    }
}
