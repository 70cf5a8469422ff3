//! The settings of the rate limits. The defaults do not affect people, and stop programs that guess passwords.

use runtime::{Problem, Section};
use serde::{Deserialize, Serialize};

use crate::rate_limit::limit::Limit;
use crate::rate_limit::sliding_window::Quota;

/// Rate limits: `GATEWAY_LIMIT_…`. Zero turns one off.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Registrations from one address per minute.
    pub registrations_per_minute: u32,
    /// Sign-ins from one address per minute, successful or not.
    pub logins_per_minute: u32,
    /// Failed sign-ins to one account from one address, within the window.
    pub login_failures: u32,
    /// Failed sign-ins from one address to any accounts, within the window.
    pub login_failures_per_address: u32,
    /// Failed sign-ins to one account from addresses without a successful one, within the window.
    pub login_failures_per_account: u32,
    /// The window in which failed sign-ins are counted, in seconds.
    pub login_failure_window_s: u32,
    /// Open connections from one address.
    pub connections_per_address: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            registrations_per_minute: 100,
            logins_per_minute: 200,
            login_failures: 10,
            login_failures_per_address: 100,
            login_failures_per_account: 50,
            login_failure_window_s: 300,
            connections_per_address: 128,
        }
    }
}

impl Section for LimitSettings {
    const NAME: &'static str = "gateway_limit";

    fn check(&self) -> Vec<Problem> {
        let endless = self.login_failure_window_s == 0;
        endless.then(|| ("login_failure_window_s", "must be at least 1".into())).into_iter().collect()
    }
}

impl LimitSettings {
    /// No limits, for tests and load.
    pub fn none() -> Self {
        Self {
            registrations_per_minute: 0,
            logins_per_minute: 0,
            login_failures: 0,
            login_failures_per_address: 0,
            login_failures_per_account: 0,
            connections_per_address: 0,
            ..Self::default()
        }
    }

    pub(crate) fn rate(&self, limit: Limit) -> Quota {
        let limit = match limit {
            Limit::Registrations => self.registrations_per_minute,
            Limit::Logins | Limit::Passwords => self.logins_per_minute,
        };
        Quota { limit, seconds: 60 }
    }

    /// By account and address together, by address, by account.
    pub(crate) fn failures(&self) -> [Quota; 3] {
        [self.login_failures, self.login_failures_per_address, self.login_failures_per_account]
            .map(|limit| Quota { limit, seconds: self.login_failure_window_s })
    }
}
