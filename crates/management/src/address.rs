//! The address of the management API: `http://user:password@host:15672/prefix`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// An address, with the user and password that it names, if it names any.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Without user and password, and without a slash at its end.
    pub(crate) base: String,
    pub(crate) user: Option<(String, String)>,
}

impl Address {
    /// Parses an address. `None` if it cannot be used.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (user, host) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((user, host)) => {
                let (name, password) = user.split_once(':')?;
                (Some((decode(name)?, decode(password)?)), host)
            }
        };
        let host = host.trim_end_matches('/');
        if !matches!(scheme, "http" | "https") || host.is_empty() || host.contains(char::is_whitespace) {
            return None;
        }
        Some(Self { base: format!("{scheme}://{host}"), user })
    }
}

/// The `Authorization` header of a user.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Encodes a segment of a path: everything but letters and digits as `%XX`.
pub(crate) fn encode(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(byte).collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(rest.next()?)? * 16 + digit(rest.next()?)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_may_hold_encoded_characters() {
        let user = |url: &str| Address::parse(url).unwrap().user;
        assert_eq!(user("http://h:1/"), None);
        assert_eq!(user("https://p%40:%3Aq@h"), Some(("p@".into(), ":q".into())));
        assert_eq!(Address::parse("https://a:%4@h"), None);
    }

    #[test]
    fn a_slash_at_the_end_is_left_out() {
        assert_eq!(Address::parse("https://u:p@h/prefix/").unwrap().base, "https://h/prefix");
    }
}
