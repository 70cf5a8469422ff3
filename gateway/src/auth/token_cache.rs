//! The token cache: keeps verified tokens, because verifying a signature takes 45 µs and a look-up about one.

use aws_lc_rs::digest::{SHA256, digest};

use crate::auth::caller::Caller;
use crate::bounded_cache::BoundedCache;

/// The cache holds at most twice this many tokens, in half a megabyte.
const GENERATION: usize = 2_048;

/// The SHA-256 of a token: it identifies a token as reliably as a signature does, and a dump of the gateway's memory
/// contains no usable token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a token.
    pub(crate) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }
}

/// Verified tokens and their callers.
pub(crate) struct TokenCache(BoundedCache<Fingerprint, Caller>);

impl Default for TokenCache {
    fn default() -> Self {
        Self(BoundedCache::new(GENERATION))
    }
}

impl TokenCache {
    /// The caller of a cached token.
    pub(crate) fn get(&mut self, token: &Fingerprint) -> Option<Caller> {
        self.0.get(token).map(|caller| caller.clone())
    }

    /// Adds a verified token.
    pub(crate) fn insert(&mut self, token: Fingerprint, caller: Caller) {
        self.0.insert(token, caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_differs_in_one_letter_is_not_found() {
        let mut verified = TokenCache::default();
        let caller = Caller { id: "u".into(), session: None, expires: Some(7), key: None };
        verified.insert(Fingerprint::of("a.b.c"), caller.clone());
        assert_eq!(verified.get(&Fingerprint::of("a.b.c")), Some(caller));
        assert_eq!(verified.get(&Fingerprint::of("a.b.d")), None);
    }
}
