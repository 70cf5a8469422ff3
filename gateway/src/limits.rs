//! Who knocks too often waits: registrations and sign-ins by address, failed sign-ins by account and by address.
//!
//! The counts are in the gateway's memory: a refused attempt costs no message, no hash and no write, which is what it is
//! for. With several gateways each counts what it sees. Memory is bounded; what is forgotten under a flood is what was
//! used least lately.
//!
//! Nobody is locked out for good: only attempts that were let through count, so each window empties by itself, and an
//! address from which somebody has signed in is not held up by what others try elsewhere with his account.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bus::AskError;
use bus::ask::Answer;
use contracts::users::{Login, Register};
use contracts::{Code, Fault, Request};
use serde_json::value::RawValue;

use crate::auth::Caller;
use crate::client::place;
use crate::limit_settings::LimitSettings;
use crate::rate::Rate;
use crate::recent::Recent;
use crate::window::{Quota, Window};

/// Twice this many entries of each kind are remembered at most: some hundred kilobytes.
const GENERATION: usize = 4_096;

/// What a row of the table is limited as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Opening accounts.
    Registrations,
    /// Signing in with a password.
    Logins,
    /// Replacing a password, which asks for the present one.
    Passwords,
}

/// What the limits of failed sign-ins are called: by account and address together, by address, by account.
const FAILURES: [&str; 3] = ["login-failures", "login-failures-per-address", "login-failures-per-account"];

/// Counts who knocks how often.
pub(crate) struct Limits {
    settings: LimitSettings,
    began: Instant,
    /// Random, so that nobody can choose names that fall together.
    hasher: RandomState,
    counts: Mutex<Counts>,
}

struct Counts {
    /// By kind and address.
    rates: Recent<u64, Window>,
    /// Failed sign-ins: by account and address together, by address, by account.
    failures: [Recent<u64, Window>; 3],
    /// Account and address that went together well once.
    known: Recent<u64, ()>,
}

/// A sign-in or registration that is under way.
#[must_use]
pub(crate) struct Attempt<'a> {
    limits: &'a Limits,
    /// Of account and address together, of the address, of the account.
    keys: [u64; 3],
    /// Whether it counts as failed until it is known to be none.
    counted: bool,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let recent = || Recent::new(GENERATION);
        let counts =
            Counts { rates: recent(), failures: [recent(), recent(), recent()], known: Recent::new(GENERATION) };
        Self { settings, began: Instant::now(), hasher: RandomState::new(), counts: Mutex::new(counts) }
    }

    /// Counts a request of a limited row; `None` where no limit is set.
    pub(crate) fn enter(&self, limit: Limit, client: IpAddr) -> Option<Result<Rate, Rate>> {
        let quota = self.settings.rate(limit);
        let key = self.key((limit as u8, place(client)));
        let at = self.began.elapsed();
        (quota.limit > 0).then(|| {
            let mut counts = self.lock();
            let window = counts.rates.entry(key);
            let outcome = window.add(quota, at);
            let rate = Rate::new(limit, quota, window.used(quota, at), outcome.err());
            if outcome.is_ok() { Ok(rate) } else { Err(rate) }
        })
    }

    /// Lets a sign-in be tried, unless too many failed lately; then the limit that is reached. Unknown accounts count like others, so that this tells
    /// nothing about them. Opening an account is never refused here: it makes the address known.
    pub(crate) fn attempt(
        &self,
        limit: Option<Limit>,
        client: IpAddr,
        data: &RawValue,
        caller: Option<&Caller>,
    ) -> Result<Option<Attempt<'_>>, Rate> {
        let account = match limit {
            None => None,
            Some(Limit::Logins) => Login::decode(data).ok().map(|login| login.email.key()),
            Some(Limit::Registrations) => Register::decode(data).ok().map(|form| form.email.key()),
            // No address looks like this.
            Some(Limit::Passwords) => caller.map(|caller| format!("user {}", caller.id)),
        };
        let Some(account) = account else { return Ok(None) };
        let place = place(client);
        let keys = [self.key((&account, place)), self.key(place), self.key(&account)];
        let counted = limit != Some(Limit::Registrations);
        if counted {
            self.count(keys)?;
        }
        Ok(Some(Attempt { limits: self, keys, counted }))
    }

    /// Counts a sign-in as failed in advance, so that many at once are not all tried before the first has failed.
    fn count(&self, keys: [u64; 3]) -> Result<(), Rate> {
        let at = self.began.elapsed();
        let mut counts = self.lock();
        let known = counts.known.get(&keys[0]).is_some();
        let [pair, address, account] = self.settings.failures();
        // What others try elsewhere does not hold up an address that is known.
        let account = if known { Quota { limit: 0, ..account } } else { account };
        for (n, quota) in [pair, address, account].into_iter().enumerate() {
            if let Err(wait) = counts.failures[n].entry(keys[n]).add(quota, at) {
                (0..n).for_each(|counted| counts.failures[counted].entry(keys[counted]).take_back());
                return Err(Rate::named(FAILURES[n], quota, f64::from(quota.limit), Some(wait)));
            }
        }
        Ok(())
    }

    fn key(&self, what: impl Hash) -> u64 {
        self.hasher.hash_one(what)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Notes how it went. Only a wrong password is a failure; when nobody could tell, it is none.
    pub(crate) fn settle(self, answer: &Result<Answer, AskError>) {
        let failed = matches!(answer, Ok(Err(fault)) if is_wrong_password(fault));
        let succeeded = matches!(answer, Ok(Ok(_)));
        let mut counts = self.limits.lock();
        if self.counted && !failed {
            for (failures, key) in counts.failures.iter_mut().zip(self.keys) {
                failures.entry(key).take_back();
            }
        }
        if succeeded {
            counts.known.insert(self.keys[0], ());
        }
    }
}

/// Whether a password was compared, and is another one.
fn is_wrong_password(fault: &Fault) -> bool {
    fault.code == Code::InvalidCredentials || fault.errors.fields().any(|field| field == "currentPassword")
}

#[cfg(test)]
mod tests;
