//! Filters and sort orders of the list of orders.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::message::input::Field;
use crate::message::page::Cursor;
use crate::types::price::cents_from;
use crate::types::text::{length, string};
use crate::types::timestamp::Timestamp;

/// A search text: 1 to 100 characters, trimmed. A whole number in a query string is searched for as its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for SearchText {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = text_of(value).map_or_else(|| string(value), |digits| Ok(digits.to_owned()))?;
        let text = text.trim();
        length(text, 1, 100)?;
        Ok(Self(text.to_owned()))
    }
}

/// A point in time in a filter: a date, which means its midnight in UTC, or a date with a time and its offset (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl Field for Moment {
    fn read(value: &RawValue) -> Result<Self, String> {
        const WHAT: &str = "must be a date such as 2026-01-31, or a date and time such as 2026-01-31T12:00:00Z";
        let text: Cow<'_, str> = serde_json::from_str(value.get()).map_err(|_| WHAT)?;
        moment(&text).map(|at| Self(Timestamp(at))).ok_or_else(|| WHAT.into())
    }
}

fn moment(text: &str) -> Option<jiff::Timestamp> {
    let is = |n: usize, wanted: u8| text.as_bytes().get(n) == Some(&wanted);
    let begins_with_a_date = text.len() >= 10 && is(4, b'-') && is(7, b'-') && text.is_ascii();
    if !begins_with_a_date || text.starts_with('-') {
        return None;
    }
    if text.len() == 10 {
        return format!("{text}T00:00:00Z").parse().ok();
    }
    // jiff also accepts a zone name in brackets as the offset, which RFC 3339 does not allow.
    let has_time = matches!(text.as_bytes()[10], b'T' | b't' | b' ') && !text.contains('[');
    has_time.then(|| text.parse().ok()).flatten()
}

/// A limit of prices: 0 to 1 000 000, with at most two decimals. In a query string a decimal is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount {
    cents: i64,
}

impl Amount {
    /// In cents.
    pub const fn cents(self) -> i64 {
        self.cents
    }
}

impl Field for Amount {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text: Cow<'_, str> = if value.get().starts_with('"') {
            serde_json::from_str(value.get()).map_err(|_| "must be a number")?
        } else {
            value.get().into()
        };
        let is_number = serde_json::from_str::<serde_json::Number>(&text).is_ok();
        if !is_number || text.trim() != text {
            return Err("must be a number".into());
        }
        Ok(Self { cents: cents_from(&text)? })
    }
}

/// The sort order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By time, the newest first.
    #[default]
    Newest,
    /// By time, the oldest first.
    Oldest,
    /// By price, the most expensive first.
    PriceDesc,
    /// By price, the cheapest first.
    PriceAsc,
}

impl Sort {
    /// All of them, with the names that clients use.
    pub(crate) const NAMES: [(&'static str, Self); 4] = [
        ("newest", Self::Newest),
        ("oldest", Self::Oldest),
        ("price_desc", Self::PriceDesc),
        ("price_asc", Self::PriceAsc),
    ];
}

impl Field for Sort {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text: Option<Cow<'_, str>> = serde_json::from_str(value.get()).ok();
        let found = Self::NAMES.iter().find(|(name, _)| text.as_deref() == Some(*name));
        found.map(|(_, sort)| *sort).ok_or_else(|| "must be newest, oldest, price_desc or price_asc".into())
    }
}

/// Yes or no. In a query string it is text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Field for Flag {
    fn read(value: &RawValue) -> Result<Self, String> {
        match value.get() {
            "true" | "\"true\"" => Ok(Self(true)),
            "false" | "\"false\"" => Ok(Self(false)),
            _ => Err("must be true or false".into()),
        }
    }
}

/// A total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Count {
    /// The number counted; counting stops at 1000.
    pub count: u32,
    /// Whether the count is exact.
    pub relation: Relation,
}

/// How a count relates to the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// The count is exact.
    Eq,
    /// There are at least that many.
    Gte,
}

/// The digits of an integer.
fn text_of(value: &RawValue) -> Option<&str> {
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| value.get())
}

/// The fingerprint of a set of filters, the same in every process and release: FNV-1a, reduced to the few bits that a
/// cursor has for it. Never 0, which means "no filters".
pub(crate) fn fingerprint(parts: &[&str]) -> u16 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    u16::try_from(hash % (Cursor::FINGERPRINTS - 1) + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(json: &str) -> Result<T, String> {
        T::read(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_number_in_a_query_is_searched_for_as_text() {
        assert_eq!(read::<SearchText>("42").unwrap().as_str(), "42");
        assert_eq!(read::<SearchText>("-42").unwrap().as_str(), "-42");
        assert_eq!(read::<SearchText>("\" Ada \"").unwrap().as_str(), "Ada");
        for bad in ["\"\"", "\"  \"", "true", "1.5", "[]", &format!("\"{}\"", "x".repeat(101))] {
            assert!(read::<SearchText>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_date_is_its_midnight() {
        let at = |text: &str| read::<Moment>(&format!("\"{text}\"")).map(|Moment(at)| at.to_string());
        assert_eq!(at("2026-01-31").unwrap(), "2026-01-31T00:00:00.000Z");
        assert_eq!(at("2026-01-31T13:00:00+01:00").unwrap(), "2026-01-31T12:00:00.000Z");
        assert_eq!(at("2026-01-31T12:00:00.5Z").unwrap(), "2026-01-31T12:00:00.500Z");
        for bad in [
            "",
            "2026",
            "2026-02-30",
            "2026-01-31T12:00:00",
            "20260131",
            "31.01.2026",
            "2026-01-31T12:00:00+01:00[CET]",
            "-002026-01-31T12:00:00Z",
            "2026-01-31 12:00:00 01:00",
            "now",
            "2026-1-31",
        ] {
            assert!(at(bad).is_err(), "{bad}");
        }
        assert!(read::<Moment>("2026").is_err());
    }

    #[test]
    fn a_limit_may_be_text() {
        let cents = |json: &str| read::<Amount>(json).map(Amount::cents);
        for (json, wanted) in [("0", 0), ("\"0.00\"", 0), ("5", 500), ("\"19.99\"", 1_999), ("1000000", 100_000_000)] {
            assert_eq!(cents(json), Ok(wanted), "{json}");
        }
        for bad in ["\"\"", "\"x\"", "-1", "\"1.999\"", "1000000.01", "\" 1\"", "\"1,5\"", "true", "null", "\"0x1\""] {
            assert!(cents(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn different_filters_have_different_fingerprints() {
        assert_ne!(fingerprint(&["a", "b"]), fingerprint(&["ab", ""]));
        assert_eq!(fingerprint(&["newest"]), fingerprint(&["newest"]));
    }
}
