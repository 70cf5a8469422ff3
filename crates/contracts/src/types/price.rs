//! Money: an exact decimal with two places, stored as a whole number of cents.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::message::input::Field;

const MIN_CENTS: i64 = 1;
const MAX_CENTS: i64 = 100_000_000;

/// An amount from 0.01 to 1 000 000 with at most two decimals. On the wire a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    cents: i64,
}

impl Price {
    /// An amount that is known to be valid, such as one read back from the database.
    pub const fn from_cents(cents: i64) -> Self {
        Self { cents }
    }

    /// The amount in cents.
    pub const fn cents(self) -> i64 {
        self.cents
    }
}

impl Field for Price {
    fn read(value: &RawValue) -> Result<Self, String> {
        let number = value.get();
        if !number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Err("must be a number".into());
        }
        match cents(number)? {
            cents @ MIN_CENTS..=MAX_CENTS => Ok(Self { cents }),
            ..MIN_CENTS => Err(TOO_SMALL.into()),
            _ => Err(TOO_LARGE.into()),
        }
    }
}

/// Parses an amount from 0 to the maximum price, in cents.
pub(crate) fn cents_from(number: &str) -> Result<i64, &'static str> {
    let is_nothing = number.bytes().take_while(|b| !matches!(b, b'e' | b'E')).all(|b| matches!(b, b'0' | b'.'));
    match if is_nothing { Ok(0) } else { cents(number) } {
        Ok(cents @ 0..=MAX_CENTS) => Ok(cents),
        Ok(_) => Err(TOO_LARGE),
        Err(TOO_SMALL) => Err("must be at least 0"),
        Err(problem) => Err(problem),
    }
}

const TOO_SMALL: &str = "must be at least 0.01";
const TOO_LARGE: &str = "must be at most 1000000";
const TOO_FINE: &str = "must have at most two decimals";

/// The exact value of a JSON number in cents. Works on the digits, so no float ever rounds an amount.
fn cents(number: &str) -> Result<i64, &'static str> {
    if number.starts_with('-') {
        return Err(TOO_SMALL);
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Err(TOO_SMALL);
    }
    // An exponent beyond i32 is far out of range either way.
    let exponent: i64 = exponent
        .parse::<i32>()
        .map_or_else(|_| if exponent.starts_with('-') { i64::from(i32::MIN) } else { i64::from(i32::MAX) }, i64::from);
    let length = |text: &str| i64::try_from(text.len()).expect("a body is far below 2^63 bytes");
    // value = significant × 10^power, in hundredths
    let power = exponent - length(fraction) + (length(&digits) - length(significant)) + 2;
    if power < 0 {
        return Err(TOO_FINE);
    }
    let significant = significant.trim_start_matches('0');
    if length(significant) + power > 15 {
        return Err(TOO_LARGE);
    }
    let power = u32::try_from(power).expect("0 to 15 was just checked");
    let value: i64 = significant.parse().expect("at most 15 digits fit an i64");
    Ok(value * 10_i64.pow(power))
}

impl<'de> Deserialize<'de> for Price {
    /// Reads the digits like a message's field, without a float in between.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = <&RawValue>::deserialize(deserializer)?;
        Self::read(number).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.cents, serializer)
    }
}

/// The sum of any number of prices, zero included. On the wire like a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    cents: i64,
}

impl Total {
    /// A stored sum, in cents.
    pub const fn from_cents(cents: i64) -> Self {
        Self { cents }
    }
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.cents, serializer)
    }
}

/// A JSON number with at most two decimals: the shortest text of the nearest double is exactly the amount.
fn write<S: Serializer>(cents: i64, serializer: S) -> Result<S::Ok, S::Error> {
    if cents % 100 == 0 {
        return serializer.serialize_i64(cents / 100);
    }
    #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53 cents")]
    serializer.serialize_f64(cents as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(number: &str) -> Result<i64, String> {
        Price::read(serde_json::from_str(number).unwrap()).map(Price::cents)
    }

    #[test]
    fn amounts_in_range_are_exact() {
        for (number, cents) in [
            ("0.01", 1),
            ("0.1", 10),
            ("19.99", 1_999),
            ("1e2", 10_000),
            ("1.5E+1", 1_500),
            ("150e-2", 150),
            ("12.340", 1_234),
            ("1000000", 100_000_000),
            ("1000000.00", 100_000_000),
        ] {
            assert_eq!(read(number), Ok(cents), "{number}");
        }
    }

    #[test]
    fn every_other_amount_is_rejected_with_a_reason() {
        for (number, why) in [
            ("0", TOO_SMALL),
            ("0.00", TOO_SMALL),
            ("-0.001", TOO_SMALL),
            ("-5", TOO_SMALL),
            ("0.001", TOO_FINE),
            ("19.999", TOO_FINE),
            ("1e-400", TOO_FINE),
            ("1e-99999999999", TOO_FINE),
            ("1000000.01", TOO_LARGE),
            ("1e400", TOO_LARGE),
            ("1e99999999999", TOO_LARGE),
            ("\"5\"", "must be a number"),
            ("null", "must be a number"),
            ("[1]", "must be a number"),
        ] {
            assert_eq!(read(number), Err(why.into()), "{number}");
        }
    }

    proptest! {
        #[test]
        fn a_price_survives_the_round_trip(cents in MIN_CENTS..=MAX_CENTS) {
            let text = serde_json::to_string(&Price::from_cents(cents)).unwrap();
            prop_assert_eq!(read(&text), Ok(cents));
        }

        #[test]
        fn any_json_number_is_read_or_rejected_without_panic(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,12})?") {
            let _ = read(&text);
        }
    }
}
