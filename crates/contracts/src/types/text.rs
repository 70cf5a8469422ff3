//! Text types: single-line and multi-line text, passwords, tokens, ids. E-mail addresses and names have their own files.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use unicode_normalization::UnicodeNormalization;

use crate::message::input::Field;

/// A text of one line: `MIN` to `MAX` characters (Unicode scalar values), none of them a control character.
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
        if text.contains(char::is_control) {
            return Err("must not contain control characters or line breaks: remove them".into());
        }
        Ok(Self(text))
    }
}

/// A text of several lines: like [`Text`], with line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Lines<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Lines<MIN, MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Field for Lines<MIN, MAX> {
    fn read(value: &RawValue) -> Result<Self, String> {
        let text = string(value)?;
        length(&text, MIN, MAX)?;
        if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r')) {
            return Err("must not contain control characters other than line breaks: remove them".into());
        }
        Ok(Self(text))
    }
}

/// A password: `MIN` to 128 characters, any characters (NIST SP 800-63B). Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Password<const MIN: usize>(String);

impl<const MIN: usize> Password<MIN> {
    /// The password as it was sent. Never log it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The password as it is hashed: in NFKC (NIST SP 800-63B), so that it does not depend on how a keyboard composes
    /// accents.
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

/// A refresh token as a client sends it: any 1 to 256 characters. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The token, for hashing. Never log it.
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

/// Which session continues when sessions end: `current`, the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The caller's session.
    Current,
}

impl Field for Keep {
    fn read(value: &RawValue) -> Result<Self, String> {
        if value.get() == r#""current""# { Ok(Self::Current) } else { Err("must be \"current\" or left out".into()) }
    }
}

/// The id of a user as the token's issuer writes it: 1 to 128 characters, or a whole number.
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
        if text.contains(char::is_control) {
            return Err("must not contain control characters: remove them".into());
        }
        Ok(Self(text))
    }
}

/// The `Debug` output of a text that must not be logged.
pub(crate) fn redacted(f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

pub(crate) fn string(value: &RawValue) -> Result<String, String> {
    if !value.get().starts_with('"') {
        return Err("must be a string".into());
    }
    // The JSON grammar allows "\ud800", which is not valid Unicode (RFC 8259, section 8.2).
    let text: String =
        serde_json::from_str(value.get()).map_err(|_| "must be Unicode text: it contains an unpaired surrogate")?;
    if text.contains('\0') {
        return Err("must not contain the NUL character: remove it".into());
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
    fn length_is_counted_in_characters_not_bytes() {
        assert!(read::<Text<1, 3>>("äöü").is_ok());
        assert!(read::<Text<1, 3>>("äöüß").is_err());
    }

    #[test]
    fn control_characters_are_rejected_and_line_breaks_are_allowed_only_in_lines() {
        for bad in ["a\u{7}", "a\tb", "\u{1b}[31m", "a\u{7f}", "a\u{85}b", "\u{9b}1m"] {
            assert!(read::<Text<1, 9>>(bad).is_err() && read::<Lines<1, 9>>(bad).is_err(), "{bad:?}");
        }
        for lines in ["a\nb", "a\r\nb"] {
            assert!(read::<Text<1, 9>>(lines).is_err() && read::<Lines<1, 9>>(lines).is_ok(), "{lines:?}");
        }
        assert!(read::<UserId>("a\u{7}").is_err());
    }

    #[test]
    fn nul_and_unpaired_surrogates_are_rejected() {
        for bad in [r#""a\u0000""#, r#""\ud800""#, r#""\udc00x""#] {
            let value: &RawValue = serde_json::from_str(bad).unwrap();
            assert!(Text::<1, 9>::read(value).is_err(), "{bad}");
        }
        let pair: &RawValue = serde_json::from_str(r#""\ud83d\ude00""#).unwrap();
        assert!(Text::<1, 9>::read(pair).is_ok());
    }

    #[test]
    fn a_user_id_is_text_or_a_number() {
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
