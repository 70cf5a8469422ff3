//! Limits the connections that are open from one address, so that one client cannot use up all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::client_ip::{Proxies, client_prefix};

/// Counts open connections by address. Cloning shares the count.
#[derive(Clone)]
pub(crate) struct PerIpConnectionLimit {
    limit: usize,
    /// These carry the connections of many clients and have no limit.
    proxies: Proxies,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Counts a connection until it is dropped.
pub(crate) struct ConnectionPermit {
    limit: PerIpConnectionLimit,
    address: IpAddr,
}

impl PerIpConnectionLimit {
    /// At most `limit` connections from each address except these proxies; 0 means no limit.
    pub(crate) fn new(limit: usize, proxies: Proxies) -> Self {
        Self { limit, proxies, open: Arc::default() }
    }

    /// A permit, unless the address has reached its limit.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<ConnectionPermit> {
        let address = client_prefix(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        let limited = self.limit > 0 && !self.proxies.contain(peer.to_canonical());
        // A new entry never stays at zero: the limit is at least one.
        if limited && *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(ConnectionPermit { limit: self.clone(), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limit.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_limit_and_closed_connections_do_not_count() {
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let limit = PerIpConnectionLimit::new(2, Proxies::parse("10.0.0.1").unwrap());
        let first = limit.admit(one).unwrap();
        let _second = limit.admit(one).unwrap();
        assert!(limit.admit(one).is_none());
        let _other = limit.admit(other).unwrap();
        drop(first);
        let _again = limit.admit(one).unwrap();
        let many: Vec<_> = (0..9).map(|_| limit.admit("::ffff:10.0.0.1".parse().unwrap()).unwrap()).collect();
        drop(many);
        assert_eq!(limit.open.lock().unwrap().len(), 2, "addresses without a connection have no entry");
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = PerIpConnectionLimit::new(0, Proxies::default());
        let all: Vec<_> = (0..2_000).filter_map(|_| limit.admit("192.0.2.1".parse().unwrap())).collect();
        assert_eq!(all.len(), 2_000);
    }
}
