//! People's names, as people write them, in any script.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::message::input::Field;
use crate::types::invisible::is_filler;
use crate::types::text::{length, redacted, string};

/// The rule as an ECMA-262 regular expression with the flag `u`, for web pages; the length is checked separately.
#[cfg(feature = "schema")]
pub(crate) const RULE: &str = r"^(?=.*\p{L})(?:(?![\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0])[\p{L}\p{M}\p{Nd} '’‐‑.·・-]|(?<=[\p{L}\p{M}])[\u200c\u200d](?=\p{L}))*$";

/// A first or last name: 1 to 50 letters, marks and digits of any script, spaces, apostrophes, hyphens, full stops, middle
/// dots, and joiners between letters. At least one is a letter.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PersonName(String);

impl PersonName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for PersonName {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = string(value)?;
        length(&text, 1, 50)?;
        if !text.contains(is_letter) {
            return Err("must contain a letter: write the name as it is spoken".into());
        }
        if is_name(&text) {
            Ok(Self(text))
        } else {
            Err("may only contain letters, digits, spaces, apostrophes, hyphens, full stops and middle dots: remove the rest"
                .into())
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && before.is_some_and(is_letter_or_mark)
            && characters.peek().copied().is_some_and(is_letter);
        let between = matches!(c, ' ' | '\'' | '’' | '‐' | '‑' | '-' | '.' | '·' | '・');
        let digit = c.general_category() == GeneralCategory::DecimalNumber;
        if !(joins || between || digit || is_letter_or_mark(c)) {
            return false;
        }
        before = Some(c);
    }
    true
}

fn is_letter(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter && !is_filler(c)
}

fn is_letter_or_mark(c: char) -> bool {
    is_letter(c) || (c.general_category_group() == GeneralCategoryGroup::Mark && !is_filler(c))
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PersonName, String> {
        PersonName::read(&serde_json::value::to_raw_value(text).unwrap())
    }

    #[test]
    fn names_of_any_script_are_accepted() {
        for good in [
            "Zoë",
            "O'Neil",
            "Jean-Luc",
            "Nguyễn Thị",
            "अमित",
            "李小龍",
            "St. John",
            "B",
            "明",
            "Col·lell",
            "ディカプリオ・ジュニア",
            "علی\u{200c}رضا",
            "ක්\u{200d}රිෂාන්",
            "X Æ A-12",
            "R2D2",
            "Kāʻeo",
            "葛\u{e0100}城",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "  ",
            "..",
            "12",
            "a_b",
            "<b>",
            "\u{200c}ab",
            "ab\u{200d}",
            "a-\u{200c}b",
            "a\u{200b}b",
            "a\u{202e}b",
            "\u{3164}",
            "a\u{1160}",
            "a\tb",
            "a@b",
            "\u{1f600}a",
            &"x".repeat(51),
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
