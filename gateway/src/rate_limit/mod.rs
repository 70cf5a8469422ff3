//! Rate limits: registrations and sign-ins by address, failed sign-ins by account and by address.
//!
//! The counts are in the gateway's memory: a refused attempt costs no message, no hash and no write, which is what it is
//! for. With several gateways each counts what it sees. Memory is bounded; what is forgotten under a flood is what was
//! used least lately.
//!
//! Nobody is locked out for good: only attempts that were let through count, so each window empties by itself, and an
//! address from which somebody has signed in is not held up by what others try elsewhere with his account.

pub(crate) mod limit;
pub(crate) mod response_headers;
pub(crate) mod settings;
pub(crate) mod sliding_window;

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use amqp::RpcError;
use amqp::rpc::client::Answer;
use contracts::{Code, Fault};

use crate::bounded_cache::Recent;
use crate::http::client_ip::{network, place};
use crate::rate_limit::limit::Limit;
use crate::rate_limit::response_headers::Rate;
use crate::rate_limit::settings::LimitSettings;
use crate::rate_limit::sliding_window::{Quota, Window};

/// Twice this many entries of each kind are remembered at most: some hundred kilobytes.
const GENERATION: usize = 4_096;

/// What the limits of failed sign-ins are called: by account and address together, by address, by account, by a wider net.
const FAILURES: [&str; 4] =
    ["login-failures", "login-failures-per-address", "login-failures-per-account", "login-failures-per-network"];
/// So many times what one address may, the addresses of a wider net may together.
const NETWORK: u32 = 8;

/// Counts requests and failed sign-ins.
pub(crate) struct RateLimiter {
    settings: LimitSettings,
    began: Instant,
    /// Random, so that nobody can choose names that fall together.
    hasher: RandomState,
    counts: Mutex<Counts>,
}

struct Counts {
    /// By kind and address, and by kind and wider net.
    rates: [Recent<u64, Window>; 2],
    /// Failed sign-ins, as [`FAILURES`] names them.
    failures: [Recent<u64, Window>; 4],
    /// Account and address that went together well once.
    known: Recent<u64, ()>,
}

/// A sign-in or registration that is under way.
#[must_use]
pub(crate) struct Attempt<'a> {
    limits: &'a RateLimiter,
    /// As [`FAILURES`] names them; an IPv4 address has no wider net.
    keys: [Option<u64>; 4],
    /// Whether it counts as failed until it is known to be none.
    counted: bool,
}

impl RateLimiter {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let recent = || Recent::new(GENERATION);
        let counts = Counts {
            rates: [recent(), recent()],
            failures: [recent(), recent(), recent(), recent()],
            known: Recent::new(GENERATION),
        };
        Self { settings, began: Instant::now(), hasher: RandomState::new(), counts: Mutex::new(counts) }
    }

    /// Counts a request of a limited row; `None` where no limit is set.
    pub(crate) fn enter(&self, limit: Limit, client: IpAddr) -> Option<Result<Rate, Rate>> {
        let quota = self.settings.rate(limit);
        let keys =
            [Some(self.key((limit as u8, place(client)))), network(client).map(|net| self.key((limit as u8, net)))];
        let quotas = [quota, wider(quota)];
        let at = self.began.elapsed();
        (quota.limit > 0).then(|| {
            let mut counts = self.lock();
            let refused = full(&mut counts.rates, &keys, &quotas, at).map(|(_, wait)| wait);
            let used = match (refused, keys[0]) {
                (None, Some(key)) => {
                    add(&mut counts.rates, &keys, &quotas, at);
                    counts.rates[0].entry(key).used(quota, at)
                }
                _ => f64::from(quota.limit),
            };
            let rate = Rate::new(limit, quota, used, refused);
            if refused.is_none() { Ok(rate) } else { Err(rate) }
        })
    }

    /// Lets a password be tried, unless too many tries failed lately; then the limit that is reached. Unknown accounts count
    /// like others, so that this tells nothing about them. Opening an account is never refused here: it makes the address known.
    pub(crate) fn attempt(&self, limit: Limit, client: IpAddr, account: &str) -> Result<Attempt<'_>, Rate> {
        let place = place(client);
        let net = network(client).map(|net| self.key((net, "network")));
        let keys = [Some(self.key((account, place))), Some(self.key(place)), Some(self.key(account)), net];
        let counted = limit != Limit::Registrations;
        if counted {
            self.count(keys)?;
        }
        Ok(Attempt { limits: self, keys, counted })
    }

    /// Counts a sign-in as failed in advance, so that many at once are not all tried before the first has failed. One that
    /// is refused leaves no trace: nobody can make others be forgotten by it.
    fn count(&self, keys: [Option<u64>; 4]) -> Result<(), Rate> {
        let at = self.began.elapsed();
        let mut counts = self.lock();
        let known = keys[0].is_some_and(|key| counts.known.get(&key).is_some());
        let [pair, address, account] = self.settings.failures();
        // What others try elsewhere does not hold up an address that is known.
        let account = if known { Quota { limit: 0, ..account } } else { account };
        let quotas = [pair, address, account, wider(address)];
        if let Some((n, wait)) = full(&mut counts.failures, &keys, &quotas, at) {
            return Err(Rate::named(FAILURES[n], quotas[n], f64::from(quotas[n].limit), Some(wait)));
        }
        add(&mut counts.failures, &keys, &quotas, at);
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
    /// Records the outcome. Only a wrong password is a failure; an unknown outcome is none.
    pub(crate) fn settle(self, answer: &Result<Answer, RpcError>) {
        let failed = matches!(answer, Ok(Err(fault)) if is_wrong_password(fault));
        let succeeded = matches!(answer, Ok(Ok(_)));
        let mut counts = self.limits.lock();
        if self.counted && !failed {
            for (failures, key) in counts.failures.iter_mut().zip(self.keys) {
                let Some((window, key)) = key.and_then(|key| failures.get(&key).map(|window| (window, key))) else {
                    continue;
                };
                window.take_back();
                if window.is_empty() {
                    failures.remove(&key);
                }
            }
        }
        if let Some(pair) = self.keys[0].filter(|_| succeeded) {
            counts.known.insert(pair, ());
        }
    }
}

/// What a wider net may.
fn wider(quota: Quota) -> Quota {
    Quota { limit: quota.limit.saturating_mul(NETWORK), ..quota }
}

/// The first of several windows that has no room for one more, and the seconds until it has. Makes no entry.
fn full(
    counts: &mut [Recent<u64, Window>],
    keys: &[Option<u64>],
    quotas: &[Quota],
    at: Duration,
) -> Option<(usize, u32)> {
    counts.iter_mut().zip(keys).zip(quotas).enumerate().find_map(|(n, ((counts, key), quota))| {
        let mut window = *counts.get(key.as_ref()?)?;
        window.add(*quota, at).err().map(|wait| (n, wait))
    })
}

/// Counts one in each window; all have room.
fn add(counts: &mut [Recent<u64, Window>], keys: &[Option<u64>], quotas: &[Quota], at: Duration) {
    for ((counts, key), quota) in counts.iter_mut().zip(keys).zip(quotas) {
        if let Some(key) = key {
            let _ = counts.entry(*key).add(*quota, at);
        }
    }
}

/// Whether a password was compared, and is another one.
fn is_wrong_password(fault: &Fault) -> bool {
    fault.code == Code::InvalidCredentials || fault.errors.fields().any(|field| field == "currentPassword")
}

#[cfg(test)]
mod tests;
