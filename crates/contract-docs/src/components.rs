//! The shared schemas of a document, by name.

use contracts::{CONTRACTS, Contract, EventContract};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Collects schemas under `#/components/schemas`, where OpenAPI and AsyncAPI both keep them.
pub(crate) struct Components {
    generator: SchemaGenerator,
}

impl Components {
    /// Starts without schemas.
    pub(crate) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self { generator: settings.into_generator() }
    }

    /// The generator, for types that bring their own schemas.
    pub(crate) fn generator(&mut self) -> &mut SchemaGenerator {
        &mut self.generator
    }

    /// A reference to the schema of a type.
    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().to_value()
    }

    /// A reference to the schema of an event.
    pub(crate) fn event(&mut self, event: &EventContract) -> Value {
        (event.schema)(&mut self.generator).to_value()
    }

    /// A reference to the schema of a contract's reply.
    pub(crate) fn reply(&mut self, contract: &Contract) -> Value {
        let mut reply = (contract.schema.reply)(&mut self.generator).to_value();
        // No worker replies with a longer list: this is the largest page.
        if reply["type"] == "array" {
            reply["maxItems"] = 100.into();
        }
        reply
    }

    /// The schema that a reference points to.
    pub(crate) fn resolve(&self, reference: &Value) -> &Value {
        let name =
            reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).expect("a reference to a schema");
        &self.generator.definitions()[name]
    }

    /// The fields of a message: name, whether it is required, and its schema with its description.
    pub(crate) fn fields(&mut self, contract: &Contract) -> Vec<(&'static str, bool, Value)> {
        let words = (contract.schema.message)(&mut self.generator).to_value();
        let fields = (contract.schema.fields)(&mut self.generator);
        let explain = |name: &str, mut schema: Value| {
            let texts = [&words["properties"][name]["description"], &schema["description"]];
            let texts: Vec<&str> = texts.into_iter().filter_map(Value::as_str).collect();
            schema["description"] = texts.join(" ").into();
            schema
        };
        fields
            .into_iter()
            .map(|field| (field.name, field.required, explain(field.name, field.schema.to_value())))
            .collect()
    }

    /// The purpose of a message, in one sentence.
    pub(crate) fn purpose(&mut self, contract: &Contract) -> String {
        let words = (contract.schema.message)(&mut self.generator).to_value();
        purpose(words["description"].as_str().unwrap_or_default())
    }

    /// A reference to the schema of a message as it is sent.
    pub(crate) fn message(&mut self, contract: &Contract) -> Value {
        let name = (contract.schema.name)().into_owned();
        if !self.generator.definitions().contains_key(&name) {
            let message = self.message_schema(contract);
            self.generator.definitions_mut().insert(name.clone(), message);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn message_schema(&mut self, contract: &Contract) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, is_required, schema) in self.fields(contract) {
            if is_required {
                required.push(name);
            }
            properties.insert(name.to_owned(), if is_required { schema } else { nullable(schema) });
        }
        let example: Value = serde_json::from_str(contract.example).expect("an example is JSON: a test reads each");
        json!({
            "type": "object",
            "description": self.purpose(contract),
            "properties": properties,
            "required": required,
            "additionalProperties": false,
            "examples": [example],
        })
    }

    /// The schemas that the rest of the document refers to, directly or indirectly.
    pub(crate) fn finish(mut self, rest: &Value) -> Map<String, Value> {
        let mut kept: Map<String, Value> = Map::new();
        let mut all = self.generator.take_definitions(true);
        let mut open = vec![rest.to_string()];
        while let Some(text) = open.pop() {
            let named: Vec<String> =
                all.keys().filter(|name| text.contains(&format!("\"#/components/schemas/{name}\""))).cloned().collect();
            for name in named {
                let schema = enumerated(all.remove(&name).expect("its key was just found"));
                open.push(schema.to_string());
                kept.insert(name, schema);
            }
        }
        kept
    }
}

/// The names of an enumeration, each with its description, as schemars writes them.
pub(crate) fn alternatives(schema: &Value) -> Option<Vec<(&str, &str)>> {
    let all = schema["oneOf"].as_array()?;
    all.iter().map(|one| Some((one["const"].as_str()?, one["description"].as_str()?))).collect()
}

/// Writes an enumeration as `enum`, with the descriptions of its names in its own: many generators take `oneOf` for a choice
/// of types, and ignore `const`.
fn enumerated(mut schema: Value) -> Value {
    let Some(all) = alternatives(&schema) else { return schema };
    let lines: Vec<String> = all.iter().map(|(name, sentence)| format!("- `{name}`: {sentence}")).collect();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let words = format!("{}\n\n{}", schema["description"].as_str().unwrap_or_default(), lines.join("\n"));
    schema = json!({ "type": "string", "enum": names, "description": words });
    schema
}

/// A standalone schema, with all schemas that it refers to.
pub(crate) fn standalone(name: &str, make: impl FnOnce(&mut Components) -> Value) -> Value {
    let mut components = Components::new();
    let reference = make(&mut components);
    let definitions = components.finish(&reference);
    let mut schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": name });
    for (key, value) in reference.as_object().expect("a schema is an object here") {
        schema[key] = value.clone();
    }
    schema["$defs"] = definitions.into();
    let text = schema.to_string().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).expect("only texts were changed")
}

/// The contract of a pattern.
pub(crate) fn contract(pattern: &str) -> &'static Contract {
    static ALL: &[Contract] = &CONTRACTS;
    ALL.iter().find(|contract| contract.pattern == pattern).expect("every pattern has its contract")
}

/// An optional field may also be `null`.
fn nullable(mut schema: Value) -> Value {
    let mut types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    types.push("null".into());
    schema["type"] = types.into();
    schema
}

/// The part of a message's description after its name: "One order" of "`orders.get` — one order".
pub(crate) fn purpose(words: &str) -> String {
    let mut chars = words.split_once(" — ").map_or(words, |(_, purpose)| purpose).chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
