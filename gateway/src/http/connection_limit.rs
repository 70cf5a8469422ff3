//! Bounds the connections that are open from one address, so that one client cannot take all places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::client_ip::{Proxies, place};

/// Counts open connections by address. Cloning shares the count.
#[derive(Clone)]
pub(crate) struct PerIpConnectionLimit {
    limit: usize,
    /// These bring the connections of many.
    proxies: Proxies,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place among those of its address; given back when dropped.
pub(crate) struct Admitted {
    crowd: PerIpConnectionLimit,
    address: IpAddr,
}

impl PerIpConnectionLimit {
    /// At most `limit` connections from each address but these proxies; 0 is no limit.
    pub(crate) fn new(limit: usize, proxies: Proxies) -> Self {
        Self { limit, proxies, open: Arc::default() }
    }

    /// A place, if the address has one left.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let address = place(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        let bounded = self.limit > 0 && !self.proxies.contain(peer.to_canonical());
        // An entry is only ever without connections for this moment, for the limit is not zero here.
        if bounded && *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Admitted { crowd: self.clone(), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn an_address_has_so_many_places_and_gets_them_back() {
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let crowd = PerIpConnectionLimit::new(2, Proxies::parse("10.0.0.1").unwrap());
        let first = crowd.admit(one).unwrap();
        let _second = crowd.admit(one).unwrap();
        assert!(crowd.admit(one).is_none());
        let _other = crowd.admit(other).unwrap();
        drop(first);
        let _again = crowd.admit(one).unwrap();
        let many: Vec<_> = (0..9).map(|_| crowd.admit("::ffff:10.0.0.1".parse().unwrap()).unwrap()).collect();
        drop(many);
        assert_eq!(crowd.open.lock().unwrap().len(), 2, "who has no connection is not remembered");
    }

    #[test]
    fn zero_is_no_limit() {
        let crowd = PerIpConnectionLimit::new(0, Proxies::default());
        let all: Vec<_> = (0..2_000).filter_map(|_| crowd.admit("192.0.2.1".parse().unwrap())).collect();
        assert_eq!(all.len(), 2_000);
    }
}
