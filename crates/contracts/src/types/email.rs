//! E-mail addresses, which are equal if people read them as equal.
//!
//! Two addresses are equal if their domains are (UTS 46: `bücher.example` and `xn--bcher-kva.example`) and if their
//! local parts are equal in Unicode's composed form (NFC), ignoring case. Letters of different scripts that only look
//! alike differ, as in DNS.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use unicode_normalization::UnicodeNormalization;

use crate::message::input::Field;
use crate::types::invisible::is_invisible;
use crate::types::text::{length, redacted, string};

/// An e-mail address: at most 100 characters, `local@domain.tld`.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    key: String,
}

impl Email {
    /// Parses an address; the error is the rest of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        length(text, 1, 100)?;
        if text.contains(is_invisible) {
            return Err("must not contain invisible characters or marks of writing direction: type it again".into());
        }
        let key = key(text).ok_or("must be an e-mail address, such as ada@example.org")?;
        Ok(Self { written: text.into(), key })
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The form in which addresses are compared.
    pub fn key(&self) -> String {
        self.key.clone()
    }

    /// The form in which earlier releases compared addresses; some accounts are stored under it.
    pub fn former_key(&self) -> String {
        self.written.to_lowercase()
    }
}

impl Field for Email {
    fn read(value: &RawValue) -> Result<Self, String> {
        Self::parse(&string(value)?)
    }
}

/// The form in which addresses are compared; `None` for text that is not an address. Checks the syntax only.
fn key(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '<' | '>' | ',' | ';');
    if !(1..=64).contains(&local.len()) || local.contains(forbidden) {
        return None;
    }
    let local: String = local.nfc().flat_map(char::to_lowercase).nfc().collect();
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let labels = domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    (labels && domain.contains('.')).then(|| format!("{local}@{domain}"))
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(f)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Email, String> {
        Email::read(&serde_json::value::to_raw_value(text).unwrap())
    }

    #[test]
    fn only_addresses_are_accepted() {
        for good in ["a@b.co", "Ann.O'Neil+x@mail.example.org", "用户@例子.广告", "a@हिन्दी.example"]
        {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "@b.co",
            "a@",
            "a@b..co",
            "a b@c.de",
            "a@-b.co",
            "a@b@c.de",
            "a@b.co\n",
            "a@b_c.de",
            "a@xn--a.de",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_of_101_characters_is_too_long() {
        let local = "a".repeat(64);
        assert!(read(&format!("{local}@{}.co", "b".repeat(32))).is_ok());
        assert!(read(&format!("{local}@{}.co", "b".repeat(33))).is_err());
    }

    #[test]
    fn addresses_that_look_equal_are_equal() {
        let same = |a: &str, b: &str| read(a).unwrap().key() == read(b).unwrap().key();
        assert!(same("ada@bücher.example", "ADA@xn--bcher-kva.example"));
        assert!(same("ada@bücher.example", "ada@bu\u{308}cher.example"));
        assert!(same("ada@BÜCHER.example", "ada@bücher。example"));
        assert!(same("zöe@example.org", "ZO\u{308}E@example.org"));
        assert!(!same("ada@example.org", "аda@example.org"), "a Cyrillic letter is a different one");
        assert!(!same("ada@example.org", "áda@example.org"));
    }

    #[test]
    fn invisible_characters_are_rejected() {
        for hidden in [
            "\u{200b}",
            "\u{202e}",
            "\u{2066}",
            "\u{ad}",
            "\u{feff}",
            "\u{200d}",
            "\u{2060}",
            "\u{61c}",
            "\u{3164}",
            "\u{e0041}",
        ] {
            for bad in [format!("a{hidden}da@example.org"), format!("ada@exa{hidden}mple.org")] {
                assert!(read(&bad).unwrap_err().contains("invisible"), "{bad:?}");
            }
        }
    }
}
