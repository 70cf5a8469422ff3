//! Rate limits: registrations and sign-ins by address, failed sign-ins by account and by address.
//!
//! The counts are in the gateway's memory, so a rejected attempt costs no message, no hash and no write. Each of several
//! gateways counts its own requests. Memory is bounded; under a flood the least recently used entries are evicted.
//!
//! Nobody is locked out permanently: only attempts that were admitted count, so each window empties by itself, and an
//! address that somebody has signed in from is not affected by attempts on the same account from elsewhere.

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

use crate::bounded_cache::BoundedCache;
use crate::http::client_ip::{client_prefix, site_prefix};
use crate::rate_limit::limit::Limit;
use crate::rate_limit::response_headers::Rate;
use crate::rate_limit::settings::LimitSettings;
use crate::rate_limit::sliding_window::{Quota, Window};

/// At most twice this many entries of each kind are kept: some hundred kilobytes.
const GENERATION: usize = 4_096;

/// The names of the limits of failed sign-ins: by account and address, by address, by account, by network.
const FAILURES: [&str; 4] =
    ["login-failures", "login-failures-per-address", "login-failures-per-account", "login-failures-per-network"];
/// The limit of a network (IPv6 /48), as a multiple of the limit of an address.
const NETWORK_FACTOR: u32 = 8;

/// Counts requests and failed sign-ins.
pub(crate) struct RateLimiter {
    settings: LimitSettings,
    start: Instant,
    /// Random, so that nobody can provoke collisions.
    hasher: RandomState,
    counts: Mutex<Counts>,
}

struct Counts {
    /// By kind and address, and by kind and network.
    rates: [BoundedCache<u64, Window>; 2],
    /// Failed sign-ins, in the order of [`FAILURES`].
    failures: [BoundedCache<u64, Window>; 4],
    /// Pairs of account and address with a successful sign-in.
    known: BoundedCache<u64, ()>,
}

/// A sign-in or registration in progress.
#[must_use]
pub(crate) struct Attempt<'a> {
    limits: &'a RateLimiter,
    /// In the order of [`FAILURES`]; an IPv4 address has no network.
    keys: [Option<u64>; 4],
    /// Whether it counts as failed until its outcome is known.
    counted: bool,
}

impl RateLimiter {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        let cache = || BoundedCache::new(GENERATION);
        let counts = Counts {
            rates: [cache(), cache()],
            failures: [cache(), cache(), cache(), cache()],
            known: BoundedCache::new(GENERATION),
        };
        Self { settings, start: Instant::now(), hasher: RandomState::new(), counts: Mutex::new(counts) }
    }

    /// Counts a request of a limited route; `None` if there is no limit.
    pub(crate) fn check(&self, limit: Limit, client: IpAddr) -> Option<Result<Rate, Rate>> {
        let quota = self.settings.rate(limit);
        let keys = [
            Some(self.key((limit as u8, client_prefix(client)))),
            site_prefix(client).map(|net| self.key((limit as u8, net))),
        ];
        let quotas = [quota, for_network(quota)];
        let at = self.start.elapsed();
        (quota.limit > 0).then(|| {
            let mut counts = self.lock();
            let rejected = full(&mut counts.rates, &keys, &quotas, at).map(|(_, wait)| wait);
            let used = match (rejected, keys[0]) {
                (None, Some(key)) => {
                    add(&mut counts.rates, &keys, &quotas, at);
                    counts.rates[0].entry(key).used(quota, at)
                }
                _ => f64::from(quota.limit),
            };
            let rate = Rate::new(limit, quota, used, rejected);
            if rejected.is_none() { Ok(rate) } else { Err(rate) }
        })
    }

    /// Admits a password attempt, unless too many have failed; the error is the limit that is reached. Unknown accounts count
    /// like others, so that this reveals nothing about them. A registration is never rejected here; it makes the address known.
    pub(crate) fn attempt(&self, limit: Limit, client: IpAddr, account: &str) -> Result<Attempt<'_>, Rate> {
        let address = client_prefix(client);
        let network = site_prefix(client).map(|network| self.key((network, "network")));
        let keys = [Some(self.key((account, address))), Some(self.key(address)), Some(self.key(account)), network];
        let counted = limit != Limit::Registrations;
        if counted {
            self.count(keys)?;
        }
        Ok(Attempt { limits: self, keys, counted })
    }

    /// Counts a sign-in as failed in advance, so that parallel attempts cannot exceed the limit. A rejected one leaves no
    /// entry, so it cannot evict those of others.
    fn count(&self, keys: [Option<u64>; 4]) -> Result<(), Rate> {
        let at = self.start.elapsed();
        let mut counts = self.lock();
        let known = keys[0].is_some_and(|key| counts.known.get(&key).is_some());
        let [pair, address, account] = self.settings.failures();
        // Attempts from elsewhere do not affect a known address.
        let account = if known { Quota { limit: 0, ..account } } else { account };
        let quotas = [pair, address, account, for_network(address)];
        if let Some((n, wait)) = full(&mut counts.failures, &keys, &quotas, at) {
            return Err(Rate::named(FAILURES[n], quotas[n], f64::from(quotas[n].limit), Some(wait)));
        }
        add(&mut counts.failures, &keys, &quotas, at);
        Ok(())
    }

    fn key(&self, parts: impl Hash) -> u64 {
        self.hasher.hash_one(parts)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Records the outcome. Only a wrong password is a failure; an unknown outcome is not.
    pub(crate) fn settle(self, answer: &Result<Answer, RpcError>) {
        let failed = matches!(answer, Ok(Err(fault)) if is_wrong_password(fault));
        let succeeded = matches!(answer, Ok(Ok(_)));
        let mut counts = self.limits.lock();
        if self.counted && !failed {
            for (failures, key) in counts.failures.iter_mut().zip(self.keys) {
                let Some((window, key)) = key.and_then(|key| failures.get(&key).map(|window| (window, key))) else {
                    continue;
                };
                window.remove_one();
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

/// The quota of a network.
fn for_network(quota: Quota) -> Quota {
    Quota { limit: quota.limit.saturating_mul(NETWORK_FACTOR), ..quota }
}

/// The first of several windows that is full, and the seconds until it is not. Adds no entry.
fn full(
    counts: &mut [BoundedCache<u64, Window>],
    keys: &[Option<u64>],
    quotas: &[Quota],
    at: Duration,
) -> Option<(usize, u32)> {
    counts.iter_mut().zip(keys).zip(quotas).enumerate().find_map(|(n, ((counts, key), quota))| {
        let mut window = *counts.get(key.as_ref()?)?;
        window.add(*quota, at).err().map(|wait| (n, wait))
    })
}

/// Adds an event to each window, none of which is full.
fn add(counts: &mut [BoundedCache<u64, Window>], keys: &[Option<u64>], quotas: &[Quota], at: Duration) {
    for ((counts, key), quota) in counts.iter_mut().zip(keys).zip(quotas) {
        if let Some(key) = key {
            let _ = counts.entry(*key).add(*quota, at);
        }
    }
}

/// Whether the password was wrong.
fn is_wrong_password(fault: &Fault) -> bool {
    fault.code == Code::InvalidCredentials || fault.errors.fields().any(|field| field == "currentPassword")
}

#[cfg(test)]
mod tests;
