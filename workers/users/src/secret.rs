//! Refresh tokens: 256 random bits, stored only as a hash, each leading to its successor.
//!
//! The first of a family is random. Each successor is derived from its predecessor and a fresh random salt, so the holder of
//! the old token can get the same successor again, which two tabs need that refresh at once. The database alone, with its
//! hashes and salts, reveals no token.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use contracts::RefreshToken;
use worker_runtime::Failure;

/// A refresh token. It has no `Debug`, so that it cannot be logged by accident.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new random token.
    pub fn random() -> Result<Self, Failure> {
        Ok(Self(hexadecimal(&random()?)))
    }

    /// The token after this one.
    #[must_use]
    pub fn next(&self, salt: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        Self(hexadecimal(hmac::sign(&key, salt).as_ref()))
    }

    /// The hash that is stored.
    pub fn hash(&self) -> Vec<u8> {
        digest(&SHA256, self.0.as_bytes()).as_ref().to_vec()
    }

    /// The token's text: only for its owner.
    pub fn reveal(self) -> String {
        self.0
    }
}

impl From<&RefreshToken> for Secret {
    fn from(token: &RefreshToken) -> Self {
        Self(token.reveal().to_owned())
    }
}

/// A fresh salt, for a token's successor.
pub fn salt() -> Result<Vec<u8>, Failure> {
    Ok(random()?.to_vec())
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Failure::broken(error.to_string()))?;
    Ok(bytes)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_a_salt_have_one_successor() {
        let (token, salt, other) = (Secret::random().unwrap(), salt().unwrap(), salt().unwrap());
        assert!(token.next(&salt).0 == token.next(&salt).0);
        assert!(token.next(&salt).0 != token.next(&other).0);
        assert!(token.next(&salt).0 != Secret::random().unwrap().next(&salt).0);
        assert_eq!((token.0.len(), token.next(&salt).0.len()), (64, 64));
    }

    #[test]
    fn the_stored_hash_is_the_sha_256_of_the_text() {
        // Output of `printf abc | sha256sum`.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hexadecimal(&Secret("abc".into()).hash()), expected);
    }
}
