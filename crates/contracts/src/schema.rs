//! JSON Schema (draft 2020-12) of the value types: the rules that `Field::read` enforces.
//!
//! These schemas are inlined into the fields.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::message::page::{Cursor, PageSize};
use crate::types::email::Email;
use crate::types::person_name::{PersonName, RULE};
use crate::types::price::{Price, Total};
use crate::types::search::{Amount, Flag, Moment, SearchText, Sort};
use crate::types::text::{Keep, Lines, Password, RefreshToken, Text, UserId};
use crate::types::timestamp::Timestamp;

/// Any character except NUL, in ECMA-262.
const NO_NUL: &str = r"^[^\u0000]*$";
/// No control characters.
const ONE_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// No control characters except line breaks.
const LINES: &str = r"^[^\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";

macro_rules! schema {
    ([$($generics:tt)*] $type:ty, $name:literal, $schema:tt) => {
        impl<$($generics)*> JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

schema!([const MIN: usize, const MAX: usize] Text<MIN, MAX>, "Text", {
    "type": "string", "minLength": MIN, "maxLength": MAX, "pattern": ONE_LINE
});
schema!([const MIN: usize, const MAX: usize] Lines<MIN, MAX>, "Lines", {
    "type": "string", "minLength": MIN, "maxLength": MAX, "pattern": LINES
});
schema!([const MIN: usize] Password<MIN>, "Password", {
    "type": "string", "format": "password", "minLength": MIN, "maxLength": 128, "pattern": NO_NUL
});
schema!([] Email, "Email", {
    "type": "string", "format": "idn-email", "maxLength": 100
});
schema!([] RefreshToken, "RefreshToken", {
    "type": "string", "minLength": 1, "maxLength": 256, "pattern": NO_NUL
});
schema!([] Keep, "Keep", {
    "type": "string", "enum": ["current"]
});
schema!([] UserId, "UserId", {
    // The decoder accepts more: an integer from a path, and the ids of another issuer's users. But the id of every account
    // is a UUID.
    "type": "string", "format": "uuid"
});
schema!([] PersonName, "PersonName", {
    // A `pattern` would need Unicode properties, which many validators lack; browsers support them.
    "type": "string", "format": "person-name", "minLength": 1, "maxLength": 50, "x-ecma-pattern": RULE,
    "description": "Letters and digits of any script, spaces, apostrophes, hyphens, full stops, middle dots, and joiners \
        between letters, with a letter among them."
});
schema!([] Price, "Price", {
    // No `multipleOf`: validators divide floats, and 0.07 would fail. `double`, because `float` cannot hold 999999.99.
    "type": "number", "format": "double", "minimum": 0.01, "maximum": 1_000_000, "description": "With at most two decimals."
});
schema!([] Total, "Total", {
    "type": "number", "format": "double", "minimum": 0, "description": "With at most two decimals."
});
schema!([] PageSize, "PageSize", {
    "type": "integer", "minimum": 1, "maximum": 100, "default": 50
});
schema!([] Cursor, "Cursor", {
    "type": "string", "pattern": "^c[0-7][0-9a-f]{47}$"
});
schema!([] SearchText, "SearchText", {
    "type": "string", "minLength": 1, "maxLength": 100, "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
});
schema!([] Moment, "Moment", {
    // Not `anyOf` of two formats: code generators turn that into a type that does not exist.
    "type": "string", "format": "date-or-date-time", "description": "A date, or a date and time (RFC 3339)."
});
schema!([] Amount, "Amount", {
    "type": "number", "format": "double", "minimum": 0, "maximum": 1_000_000, "description": "With at most two decimals."
});
schema!([] Sort, "Sort", {
    "type": "string", "enum": ["newest", "oldest", "price_desc", "price_asc"], "default": "newest"
});
schema!([] Flag, "Flag", {
    "type": "boolean", "default": false
});
schema!([] Timestamp, "Instant", {
    "type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
});
