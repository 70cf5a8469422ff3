//! Reads shapes from the JSON Schemas of the AsyncAPI document.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::endpoints::rpc::reply_shape::shape::{Field, Kinds, Shape};

/// The deepest nesting. Anything deeper, as in a recursive type, is not checked.
const DEPTH: u8 = 8;

/// The parts of the document that describe replies. They are parsed on demand.
#[derive(Deserialize)]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    components: Components<'a>,
}

#[derive(Deserialize)]
struct Components<'a> {
    #[serde(borrow)]
    messages: HashMap<&'a str, &'a RawValue>,
    #[serde(borrow)]
    schemas: HashMap<&'a str, &'a RawValue>,
}

impl<'a> Document<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The shape of each pattern's reply, by pattern.
    pub(super) fn reply_shapes(&self) -> Result<HashMap<String, Shape>, String> {
        let responses = self.components.messages.iter();
        let responses = responses.filter_map(|(name, message)| Some((name.strip_suffix(".response")?, message)));
        let shape = |(pattern, message): (&str, &&RawValue)| {
            let message = value(message)?;
            let reply = &message["payload"]["properties"]["response"];
            Ok((pattern.to_owned(), self.shape(reply, DEPTH)?))
        };
        responses.map(shape).collect()
    }

    fn shape(&self, schema: &Value, depth: u8) -> Result<Shape, String> {
        let Some(depth) = depth.checked_sub(1) else { return Ok(Shape::anything()) };
        if let Some(reference) = schema["$ref"].as_str() {
            return self.shape(&self.resolve(reference)?, depth);
        }
        if let Some(alternatives) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            let shapes = alternatives.iter().map(|one| self.shape(one, depth)).collect::<Result<Vec<_>, _>>()?;
            return Ok(Shape::either(shapes));
        }
        let items = schema.get("items").map(|items| self.shape(items, depth).map(Box::new)).transpose()?;
        Ok(Shape { kinds: kinds(&schema["type"])?, fields: self.fields(schema, depth)?, items })
    }

    /// The fields of an object: first the required ones, in their order in `required`, which is the order of replies.
    fn fields(&self, schema: &Value, depth: u8) -> Result<Vec<Field>, String> {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let place = |name: &str| required.iter().position(|one| *one == name);
        let field = |(name, schema): (&String, &Value)| {
            let shape = self.shape(schema, depth)?;
            Ok(Field { name: name.clone(), required: place(name).is_some(), shape })
        };
        let fields = schema["properties"].as_object().into_iter().flatten().map(field);
        let mut fields = fields.collect::<Result<Vec<_>, String>>()?;
        fields.sort_by_key(|field| place(&field.name).unwrap_or(usize::MAX));
        Ok(fields)
    }

    fn resolve(&self, reference: &str) -> Result<Value, String> {
        let name = reference.strip_prefix("#/components/schemas/").unwrap_or(reference);
        value(self.components.schemas.get(name).ok_or_else(|| format!("there is no schema {reference}"))?)
    }
}

fn value(text: &RawValue) -> Result<Value, String> {
    serde_json::from_str(text.get()).map_err(|error| error.to_string())
}

/// The kinds that `type` names; all if it is absent.
fn kinds(types: &Value) -> Result<Kinds, String> {
    let kind = |name: &Value| match name.as_str() {
        Some("null") => Ok(Kinds::NULL),
        Some("boolean") => Ok(Kinds::BOOLEAN),
        Some("integer") => Ok(Kinds::INTEGER),
        Some("number") => Ok(Kinds(Kinds::INTEGER.0 | Kinds::FRACTION.0)),
        Some("string") => Ok(Kinds::STRING),
        Some("array") => Ok(Kinds::ARRAY),
        Some("object") => Ok(Kinds::OBJECT),
        _ => Err(format!("there is no type {name}")),
    };
    match types {
        Value::Null => Ok(Kinds::ANY),
        Value::Array(names) => names.iter().try_fold(Kinds(0), |all, name| Ok(Kinds(all.0 | kind(name)?.0))),
        name => kind(name),
    }
}
