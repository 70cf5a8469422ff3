//! Keeps the keys of every trusted issuer, and notices when they change: a key is rotated without a restart and without a
//! failed request.
//!
//! Files are looked at every ten seconds, and when a token names a key that is not known, though never more often than twice
//! a second: whoever names one meanwhile waits for the next look, which serves all who wait. So a key that lies in its place
//! before the first token is signed with it is never missed, and made-up tokens cost nothing. A key that is taken away is
//! forgotten within ten seconds, and with it every token that it verified and every feed that one opened.

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
use crate::auth::verification_key::{Issuer, Key, KeyPrint, parse_jwks, read_jwks, read_pem};

/// How often files are looked at, and at most an address that failed or lacks a key that is wanted.
const LOOK: Duration = Duration::from_secs(10);
/// The least time between two looks at the files that tokens bring about.
const PAUSE: Duration = Duration::from_millis(500);

/// The keys, and whoever may change them.
pub(crate) struct KeyStore {
    own: (Issuer, PathBuf),
    external: Option<(Issuer, Source)>,
    refresh: Duration,
    /// What is allowed of a token's times.
    pub(crate) times: Times,
    trusted: watch::Sender<Arc<Trusted>>,
    /// When a token last caused a look.
    looked: tokio::sync::Mutex<Instant>,
    /// Held while the keys are read and replaced, so that no reading overtakes a later one.
    changing: Mutex<()>,
    /// Notified when a token names an unknown key.
    wanted: Notify,
}

/// A snapshot of the keys, with a cache of the tokens that they verified: new keys begin with an empty one.
pub(crate) struct Trusted {
    keys: Vec<Key>,
    own: JwkSet,
    external: JwkSet,
    verified: Mutex<TokenCache>,
}

impl Trusted {
    /// The keys that may have signed a token with this header.
    pub(crate) fn keys<'k>(&'k self, header: &'k Header) -> impl Iterator<Item = &'k Key> {
        self.keys.iter().filter(|key| key.fits(header))
    }

    /// Whether this key is among them.
    fn has(&self, print: &KeyPrint) -> bool {
        self.keys.iter().any(|key| key.print == *print)
    }

    /// The tokens that were verified.
    pub(crate) fn verified(&self) -> MutexGuard<'_, TokenCache> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore {
    /// Reads the files that the settings name; an address is only asked once [`KeyStore::keep`] runs.
    pub(crate) fn open(settings: &AuthSettings) -> Result<Self, SettingError> {
        let ring = Self {
            own: (settings.issuer.clone(), settings.public_key_file.clone()),
            external: settings.trusted.issuer(),
            refresh: settings.trusted.refresh(),
            times: settings.times,
            trusted: watch::Sender::new(Arc::new(Trusted {
                keys: Vec::new(),
                own: JwkSet::default(),
                external: JwkSet::default(),
                verified: Mutex::default(),
            })),
            looked: tokio::sync::Mutex::new(Instant::now().checked_sub(PAUSE).unwrap_or_else(Instant::now)),
            changing: Mutex::default(),
            wanted: Notify::new(),
        };
        let own = read_pem(&ring.own.1).map_err(|problem| {
            let text = format!("names {}, {problem}: {HOW_TO_MAKE_A_KEY}", ring.own.1.display());
            SettingError::of("gateway", "token_public_key_file", text)
        })?;
        let external = match &ring.external {
            Some((_, Source::File(path))) => read_jwks(path).map_err(|problem| {
                SettingError::new::<IssuerSettings>("jwks", format!("names {}, {problem}", path.display()))
            })?,
            _ => JwkSet::default(),
        };
        ring.adopt(own, external);
        Ok(ring)
    }

    /// The keys as they are now.
    pub(crate) fn trusted(&self) -> Arc<Trusted> {
        Arc::clone(&self.trusted.borrow())
    }

    /// A token names a key that is not known: the keys after a look that began later than now.
    pub(crate) async fn look_again(&self) -> Arc<Trusted> {
        let asked = Instant::now();
        self.wanted.notify_one();
        let mut looked = self.looked.lock().await;
        if *looked < asked {
            sleep_until((*looked + PAUSE).into()).await;
            *looked = Instant::now();
            self.read();
        }
        drop(looked);
        self.trusted()
    }

    /// Resolves when a key is not trusted any more.
    pub(crate) async fn forgotten(&self, print: KeyPrint) {
        let mut changes = self.trusted.subscribe();
        // An error would mean that there are no keys at all any more.
        let _ = changes.wait_for(|trusted| !trusted.has(&print)).await;
    }

    /// Our own issuer's keys as a JWKS document.
    pub(crate) fn published(&self) -> String {
        serde_json::to_string(&self.trusted().own).expect("a key set always serialises")
    }

    /// Keeps the keys current for ever.
    pub(crate) async fn keep(&self) {
        let mut fetching = Fetching::default();
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        loop {
            if let Some((_, Source::Address(address))) = &self.external
                && fetching.is_due(self.refresh)
            {
                fetching = Fetching { at: Some(Instant::now()), soon: !self.fetch(address).await };
            }
            tokio::select! {
                _ = look.tick() => self.read(),
                () = self.wanted.notified() => fetching.soon = true,
            }
        }
    }

    /// Reads the files again. What cannot be read leaves the keys that there were.
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
                    self.adopt(own, external);
                }
            }
            (Err(problem), _) | (_, Err(problem)) => {
                tracing::warn!(problem, "a file of keys cannot be used; the keys stay as they were");
            }
        }
    }

    /// Asks the other issuer for its keys; whether that went well.
    async fn fetch(&self, address: &str) -> bool {
        match jwks_client::get(address.to_owned()).await.and_then(|text| parse_jwks(&text)) {
            Ok(external) => {
                let _changing = self.changing();
                let before = self.trusted();
                if external != before.external {
                    self.adopt(before.own.clone(), external);
                }
                true
            }
            Err(problem) => {
                tracing::warn!(problem, "the trusted issuer's keys could not be fetched; they stay as they were");
                false
            }
        }
    }

    fn adopt(&self, own: JwkSet, external: JwkSet) {
        let mut keys: Vec<Key> = own.keys.iter().filter_map(|jwk| Key::of(jwk, &self.own.0)).collect();
        if let Some((issuer, _)) = &self.external {
            keys.extend(external.keys.iter().filter_map(|jwk| Key::of(jwk, issuer)));
        }
        tracing::info!(keys = keys.len(), "access tokens are verified with these many keys");
        self.trusted.send_replace(Arc::new(Trusted { keys, own, external, verified: Mutex::default() }));
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When an address was last asked, and whether it should be soon again.
#[derive(Default)]
struct Fetching {
    at: Option<Instant>,
    soon: bool,
}

impl Fetching {
    fn is_due(&self, refresh: Duration) -> bool {
        let pause = if self.soon { LOOK.min(refresh) } else { refresh };
        self.at.is_none_or(|at| at.elapsed() >= pause)
    }
}
