//! Texts with rules: bounded text, e-mail addresses, passwords and people's names.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::Field;

/// A text of `MIN` to `MAX` characters (Unicode scalar values), without NUL, which PostgreSQL cannot store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Field for Text<MIN, MAX> {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = string(value)?;
        length(&text, MIN, MAX)?;
        Ok(Self(text))
    }
}

/// An e-mail address: at most 100 characters, `local@domain.tld`. Compared without regard to case.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which addresses are compared.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl Field for Email {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = string(value)?;
        length(&text, 1, 100)?;
        if is_address(&text) { Ok(Self(text)) } else { Err("must be an e-mail address".into()) }
    }
}

// Shape only: whether mail arrives there is not for a parser to say.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_is_fine = (1..=64).contains(&local.len())
        && !local.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',' | ';'));
    let labels_are_fine = domain.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    local_is_fine && labels_are_fine && domain.contains('.')
}

/// A password: `MIN` to 128 characters, any characters (NIST SP 800-63B). Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Password<const MIN: usize>(String);

impl<const MIN: usize> Password<MIN> {
    /// The password itself, as it was sent: never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The password as it is hashed: the same however a keyboard composes its accents (NFKC, as NIST SP 800-63B says).
    pub fn normalized(&self) -> String {
        self.0.nfkc().collect()
    }
}

impl<const MIN: usize> Field for Password<MIN> {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = string(value)?;
        length(&text, MIN, 128)?;
        Ok(Self(text))
    }
}

/// A refresh token as a client sends it back: 1 to 256 characters, whatever they are. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The token itself: for its hash, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Field for RefreshToken {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = string(value)?;
        length(&text, 1, 256)?;
        Ok(Self(text))
    }
}

/// What goes on when sessions end: `current`, the one that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The session that asks.
    Current,
}

impl Field for Keep {
    fn read(value: &RawValue) -> Result<Self, String> {
        if value.get() == r#""current""# { Ok(Self::Current) } else { Err("must be \"current\" or left out".into()) }
    }
}

/// The id of a user as whoever issued the token writes it: 1 to 128 characters, or a whole number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserId(String);

impl UserId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for UserId {
    fn read(value: &RawValue) -> Result<Self, String> {
        if value.get().bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(value.get().to_owned()));
        }
        let text = string(value)?;
        length(&text, 1, 128)?;
        Ok(Self(text))
    }
}

/// A first or last name: 2 to 50 letters, marks, spaces, `'`, `’`, `-`, `.` of any script, with a letter among them.
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
        use GeneralCategoryGroup::{Letter, Mark};
        let text = string(value)?;
        length(&text, 2, 50)?;
        let group = char::general_category_group;
        let fits = |c: char| matches!(group(c), Letter | Mark) || matches!(c, ' ' | '\'' | '’' | '-' | '.');
        if text.chars().all(fits) && text.chars().any(|c| group(c) == Letter) {
            Ok(Self(text))
        } else {
            Err("may only hold letters, spaces, apostrophes, hyphens and full stops".into())
        }
    }
}

/// What is shown of a text that must not be logged.
fn redacted(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("…")
}

impl<const MIN: usize> fmt::Debug for Password<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f)
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f)
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

pub(crate) fn string(value: &RawValue) -> Result<String, String> {
    if !value.get().starts_with('"') {
        return Err("must be a string".into());
    }
    // The JSON grammar admits "\ud800"; Unicode text does not (RFC 8259, section 8.2).
    let text: String =
        serde_json::from_str(value.get()).map_err(|_| "must be Unicode text: it holds an unpaired surrogate")?;
    if text.contains('\0') {
        return Err("must not hold the NUL character".into());
    }
    Ok(text)
}

pub(crate) fn length(text: &str, min: usize, max: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if (min..=max).contains(&chars) { Ok(()) } else { Err(format!("must be {min} to {max} characters long")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(text: &str) -> Result<T, String> {
        T::read(&serde_json::value::to_raw_value(text).unwrap())
    }

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["a@b.co", "Ann.O'Neil+x@mail.example.org", "用户@例子.广告"] {
            assert!(read::<Email>(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.co", "a@", "a@b..co", "a b@c.de", "a@-b.co", "a@b@c.de", "a@b.co\n"] {
            assert!(read::<Email>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_of_101_characters_is_too_long() {
        let local = "a".repeat(64);
        assert!(read::<Email>(&format!("{local}@{}.co", "b".repeat(32))).is_ok());
        assert!(read::<Email>(&format!("{local}@{}.co", "b".repeat(33))).is_err());
    }

    #[test]
    fn names_of_any_script_are_names() {
        for good in ["Zoë", "O'Neil", "Jean-Luc", "Nguyễn Thị", "अमित", "李小龍", "St. John"] {
            assert!(read::<PersonName>(good).is_ok(), "{good}");
        }
        for bad in ["A", "  ", "..", "R2D2", "a_b", "<b>", &"x".repeat(51)] {
            assert!(read::<PersonName>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_is_counted_in_characters_not_bytes() {
        assert!(read::<Text<1, 3>>("äöü").is_ok());
        assert!(read::<Text<1, 3>>("äöüß").is_err());
    }

    #[test]
    fn nul_and_lone_surrogates_are_refused() {
        for bad in [r#""a\u0000""#, r#""\ud800""#, r#""\udc00x""#] {
            let value: &RawValue = serde_json::from_str(bad).unwrap();
            assert!(Text::<1, 9>::read(value).is_err(), "{bad}");
        }
        let pair: &RawValue = serde_json::from_str(r#""\ud83d\ude00""#).unwrap();
        assert!(Text::<1, 9>::read(pair).is_ok());
    }

    #[test]
    fn a_user_is_known_by_text_or_by_number() {
        assert_eq!(read::<UserId>("a|b").unwrap().as_str(), "a|b");
        assert_eq!(UserId::read(serde_json::from_str("7").unwrap()).unwrap().as_str(), "7");
        for bad in ["-7", "7.0", "true", r#""""#] {
            assert!(UserId::read(serde_json::from_str(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        let password: Password<8> = read("correct horse").unwrap();
        assert!(!format!("{password:?}").contains("horse"));
        let token: RefreshToken = read("0123456789abcdef").unwrap();
        assert!(!format!("{token:?}").contains("0123"));
    }
}
