//! The keys of every trusted issuer, reloaded when they change: keys can be rotated without a restart and without a failed
//! request.
//!
//! Files are read every ten seconds, and when a token names an unknown key, but at most twice a second: such tokens wait for
//! the next read, which serves all of them. So a key that is in place before the first token is signed with it is never
//! missed, and forged tokens cost nothing. A key that is removed is dropped within ten seconds, and with it every token that
//! it verified and every event stream that such a token opened.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use runtime::SettingError;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::auth::access_token::Times;
use crate::auth::issuer_settings::{IssuerSettings, Source};
use crate::auth::jwks_client;
use crate::auth::settings::{AuthSettings, HOW_TO_MAKE_A_KEY};
use crate::auth::token_cache::TokenCache;
use crate::auth::token_header::Header;
use crate::auth::verification_key::{Issuer, Key, KeyFingerprint, parse_jwks, read_jwks, read_pem};

/// How often files are read; also how often, at most, a URL is fetched that failed or lacks a requested key.
const RELOAD_INTERVAL: Duration = Duration::from_secs(10);
/// The least time between two reads that tokens with unknown keys cause.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_millis(500);

/// The keys and their sources.
pub(crate) struct KeyStore {
    own: (Issuer, PathBuf),
    external: Option<(Issuer, Source)>,
    refresh: Duration,
    /// The limits of a token's times.
    pub(crate) times: Times,
    trusted: watch::Sender<Arc<TrustedKeys>>,
    /// When a token last caused a reload.
    reloaded: tokio::sync::Mutex<Instant>,
    /// Held while the keys are read and replaced, so that reads stay in order.
    changing: Mutex<()>,
    /// Notified when a token names an unknown key.
    wanted: Notify,
}

/// A snapshot of the keys, with a cache of the tokens that they verified. New keys start with an empty cache.
pub(crate) struct TrustedKeys {
    keys: Vec<Key>,
    own: JwkSet,
    external: JwkSet,
    verified: Mutex<TokenCache>,
}

impl TrustedKeys {
    /// The keys that may have signed a token with this header.
    pub(crate) fn keys<'k>(&'k self, header: &'k Header) -> impl Iterator<Item = &'k Key> {
        self.keys.iter().filter(|key| key.matches(header))
    }

    /// Whether a key is trusted.
    fn contains(&self, fingerprint: &KeyFingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint == *fingerprint)
    }

    /// The cache of verified tokens.
    pub(crate) fn verified(&self) -> MutexGuard<'_, TokenCache> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore {
    /// Reads the files that the settings name. A URL is fetched only once [`KeyStore::run`] runs.
    pub(crate) fn open(settings: &AuthSettings) -> Result<Self, SettingError> {
        let store = Self {
            own: (settings.issuer.clone(), settings.public_key_file.clone()),
            external: settings.trusted.issuer(),
            refresh: settings.trusted.refresh(),
            times: settings.times,
            trusted: watch::Sender::new(Arc::new(TrustedKeys {
                keys: Vec::new(),
                own: JwkSet::default(),
                external: JwkSet::default(),
                verified: Mutex::default(),
            })),
            reloaded: tokio::sync::Mutex::new(
                Instant::now().checked_sub(MIN_RELOAD_INTERVAL).unwrap_or_else(Instant::now),
            ),
            changing: Mutex::default(),
            wanted: Notify::new(),
        };
        let own = read_pem(&store.own.1).map_err(|problem| {
            let text = format!("names {}, {problem}: {HOW_TO_MAKE_A_KEY}", store.own.1.display());
            SettingError::of("gateway", "token_public_key_file", text)
        })?;
        let external = match &store.external {
            Some((_, Source::File(path))) => read_jwks(path).map_err(|problem| {
                SettingError::new::<IssuerSettings>("jwks", format!("names {}, {problem}", path.display()))
            })?,
            _ => JwkSet::default(),
        };
        store.replace(own, external);
        Ok(store)
    }

    /// The current keys.
    pub(crate) fn trusted(&self) -> Arc<TrustedKeys> {
        Arc::clone(&self.trusted.borrow())
    }

    /// Reloads the keys for a token with an unknown one; returns the keys of a read that began after this call.
    pub(crate) async fn reload(&self) -> Arc<TrustedKeys> {
        let requested = Instant::now();
        self.wanted.notify_one();
        let mut reloaded = self.reloaded.lock().await;
        if *reloaded < requested {
            sleep_until((*reloaded + MIN_RELOAD_INTERVAL).into()).await;
            *reloaded = Instant::now();
            self.read();
        }
        drop(reloaded);
        self.trusted()
    }

    /// Resolves when a key is no longer trusted.
    pub(crate) async fn removed(&self, fingerprint: KeyFingerprint) {
        let mut changes = self.trusted.subscribe();
        // An error would mean that the store is gone, and with it all keys.
        let _ = changes.wait_for(|trusted| !trusted.contains(&fingerprint)).await;
    }

    /// Our own issuer's keys as a JWKS document.
    pub(crate) fn published(&self) -> String {
        serde_json::to_string(&self.trusted().own).expect("a key set always serialises")
    }

    /// Keeps the keys current. Never returns.
    pub(crate) async fn run(&self) {
        let mut fetching = Fetching::default();
        let mut ticks = interval(RELOAD_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        loop {
            if let Some((_, Source::Url(url))) = &self.external
                && fetching.is_due(self.refresh)
            {
                fetching = Fetching { at: Some(Instant::now()), soon: !self.fetch(url).await };
            }
            tokio::select! {
                _ = ticks.tick() => self.read(),
                () = self.wanted.notified() => fetching.soon = true,
            }
        }
    }

    /// Reads the files again. If one cannot be read, the keys stay as they are.
    fn read(&self) {
        let _changing = self.changing();
        let before = self.trusted();
        let own = read_pem(&self.own.1);
        let external = match &self.external {
            Some((_, Source::File(path))) => read_jwks(path),
            _ => Ok(before.external.clone()),
        };
        match (own, external) {
            (Ok(own), Ok(external)) => {
                if own != before.own || external != before.external {
                    self.replace(own, external);
                }
            }
            (Err(problem), _) | (_, Err(problem)) => {
                tracing::warn!(problem, "a key file cannot be used; the keys stay as they were");
            }
        }
    }

    /// Fetches the other issuer's keys; returns whether this succeeded.
    async fn fetch(&self, url: &str) -> bool {
        match jwks_client::get(url.to_owned()).await.and_then(|text| parse_jwks(&text)) {
            Ok(external) => {
                let _changing = self.changing();
                let before = self.trusted();
                if external != before.external {
                    self.replace(before.own.clone(), external);
                }
                true
            }
            Err(problem) => {
                tracing::warn!(problem, "cannot fetch the trusted issuer's keys; they stay as they were");
                false
            }
        }
    }

    fn replace(&self, own: JwkSet, external: JwkSet) {
        let mut keys: Vec<Key> = own.keys.iter().filter_map(|jwk| Key::of(jwk, &self.own.0)).collect();
        if let Some((issuer, _)) = &self.external {
            keys.extend(external.keys.iter().filter_map(|jwk| Key::of(jwk, issuer)));
        }
        tracing::info!(keys = keys.len(), "loaded the keys for access tokens");
        self.trusted.send_replace(Arc::new(TrustedKeys { keys, own, external, verified: Mutex::default() }));
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a URL was last fetched, and whether it should be fetched again soon.
#[derive(Default)]
struct Fetching {
    at: Option<Instant>,
    soon: bool,
}

impl Fetching {
    fn is_due(&self, refresh: Duration) -> bool {
        let pause = if self.soon { RELOAD_INTERVAL.min(refresh) } else { refresh };
        self.at.is_none_or(|at| at.elapsed() >= pause)
    }
}
