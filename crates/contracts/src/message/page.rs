//! Keyset pagination: the page size, and the cursor that the page starts after.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::message::input::Field;

/// The number of rows on a page: 1 to 100, 50 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u8);

impl PageSize {
    /// The number of rows.
    pub const fn rows(self) -> u8 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(50)
    }
}

impl Field for PageSize {
    fn read(value: &RawValue) -> Result<Self, String> {
        match value.get().parse() {
            Ok(rows @ 1..=100) => Ok(Self(rows)),
            _ => Err("must be a whole number from 1 to 100".into()),
        }
    }
}

/// A position in a list. Opaque to clients: they send back the `next` of a page, with the same filters and sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The fingerprint of its filters and sort order; 0 is the whole list, newest first.
    pub filters: u16,
    /// The sort key of the last row: microseconds since 1970 (until the year 2255), or cents.
    pub key: i64,
    /// The id of the last row.
    pub id: Uuid,
}

impl Cursor {
    /// Length of the text form: `c`, 16 hexadecimal digits of filters and key, 32 of the id.
    const LENGTH: usize = 49;
    /// The bits of the key; the fingerprint has the ten bits above it.
    const KEY_BITS: u32 = 53;
    /// Fingerprints are below this.
    pub(crate) const FINGERPRINTS: u64 = 1 << (63 - Self::KEY_BITS);

    fn decode(text: &str) -> Option<Self> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let digits =
            text.strip_prefix('c').filter(|digits| text.len() == Self::LENGTH && digits.bytes().all(is_digit))?;
        let (place, id) = digits.split_at(16);
        let place = i64::from_str_radix(place, 16).ok()?;
        let filters = u16::try_from(place >> Self::KEY_BITS).ok()?;
        Some(Self { filters, key: place & ((1 << Self::KEY_BITS) - 1), id: Uuid::try_parse(id).ok()? })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let key = self.key.clamp(0, (1 << Self::KEY_BITS) - 1);
        let place = i64::from(self.filters) << Self::KEY_BITS | key;
        serializer.collect_str(&format_args!("c{place:016x}{:032x}", self.id.as_u128()))
    }
}

impl Field for Cursor {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text: Option<&str> = serde_json::from_str(value.get()).ok();
        text.and_then(Self::decode).ok_or_else(|| "must be the cursor of a previous page".into())
    }
}

impl Field for Uuid {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text: Option<&str> = serde_json::from_str(value.get()).ok();
        // Only the hyphenated form: each id has one spelling.
        text.filter(|text| text.len() == 36)
            .and_then(|text| Self::try_parse(text).ok())
            .ok_or_else(|| "must be a UUID".into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_if_and_only_if_it_can_be_written(place in any::<u64>(), shift in 0_u32..64, id in any::<u128>()) {
            let place = place >> shift;
            let text = format!("\"c{place:016x}{id:032x}\"");
            match Cursor::read(serde_json::from_str(&text).unwrap()) {
                Ok(cursor) => assert_eq!(serde_json::to_string(&cursor).unwrap(), text),
                Err(_) => assert!(i64::try_from(place).is_err(), "{text}"),
            }
        }
    }

    #[test]
    fn a_cursor_survives_the_round_trip() {
        for filters in [0, 7, 1023] {
            let cursor = Cursor { filters, key: 1_769_860_800_123_456, id: Uuid::from_u128(42) };
            let text = serde_json::value::to_raw_value(&cursor).unwrap();
            assert_eq!(Cursor::read(&text), Ok(cursor));
        }
    }

    #[test]
    fn an_invalid_cursor_is_rejected() {
        for text in [
            "\"\"",
            "7",
            "null",
            "\"c12\"",
            &format!("\"c{}\"", "é".repeat(24)),
            &format!("\"c{}\"", "g".repeat(48)),
            "\"é\"",
            &format!("\"c{}\"", "0".repeat(47)),
        ] {
            assert!(Cursor::read(serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn page_sizes_out_of_range_are_rejected() {
        for (text, valid) in
            [("1", true), ("100", true), ("0", false), ("101", false), ("-1", false), ("1.5", false), ("\"1\"", false)]
        {
            assert_eq!(PageSize::read(serde_json::from_str(text).unwrap()).is_ok(), valid, "{text}");
        }
    }
}
