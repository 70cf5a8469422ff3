//! Remembers tokens that were verified: checking a signature costs 45 µs, remembering it well under one.

use std::collections::HashMap;

/// Each of the two generations holds this many tokens, so the whole at most twice as many: a few MB.
const GENERATION: usize = 2_048;

/// Verified tokens, in two generations: when the young one is full it becomes the old one, and the old one is
/// forgotten. What is used moves to the young one, so it stays; nothing is ever scanned.
///
/// The whole token is the key. Its hash alone would do until two tokens share one, and then somebody is somebody else.
#[derive(Default)]
pub(crate) struct Verified {
    young: HashMap<Box<str>, Subject>,
    old: HashMap<Box<str>, Subject>,
}

struct Subject {
    caller: String,
    expires: u64,
}

impl Verified {
    /// Whose token this is and when it expires, if it was seen before.
    pub(crate) fn find(&mut self, token: &str) -> Option<(String, u64)> {
        if let Some(subject) = self.young.get(token) {
            return Some((subject.caller.clone(), subject.expires));
        }
        let subject = self.old.remove(token)?;
        self.remember(token, &subject.caller, subject.expires);
        Some((subject.caller, subject.expires))
    }

    /// Notes a token that was verified just now.
    pub(crate) fn remember(&mut self, token: &str, caller: &str, expires: u64) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token.into(), Subject { caller: caller.into(), expires });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let mut verified = Verified::default();
        verified.remember("used", "u", 7);
        for n in 0..GENERATION * 3 {
            verified.remember(&format!("t{n}"), "x", 1);
            assert_eq!(verified.find("used"), Some(("u".into(), 7)));
            assert!(verified.young.len() + verified.old.len() <= GENERATION * 2);
        }
        assert_eq!(verified.find("t0"), None);
    }

    #[test]
    fn a_token_that_differs_in_one_letter_is_another_token() {
        let mut verified = Verified::default();
        verified.remember("a.b.c", "u", 7);
        assert_eq!(verified.find("a.b.d"), None);
    }
}
