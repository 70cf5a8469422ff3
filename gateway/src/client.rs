//! Whose address a request comes from, when there may be proxies in between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderName;
use ipnet::IpNet;

/// Written by each proxy: the address that it was called from comes last.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of a connection, as a request bears it.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The proxies whose word is taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// From addresses and networks, comma separated; the error is the first that is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, &str> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let network = |item: &str| item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from));
        items.map(|item| network(item).map_err(|_| item)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this is one of them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client: that of the peer, or, as far as proxies are trusted, the one that the last of them saw.
    /// What stands further to the left the client can have written itself.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let values: Vec<&str> =
            headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
        for said in values.iter().flat_map(|value| value.split(',')).rev() {
            if !self.contain(client) {
                break;
            }
            let Some(address) = parse(said.trim()) else { break };
            client = address.to_canonical();
        }
        client
    }
}

/// An address as proxies write it: perhaps with a port, and with brackets then.
fn parse(said: &str) -> Option<IpAddr> {
    let bare = said.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| said.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// What is counted as one place: an IPv4 address, or an IPv6 network of 64 bits, which is what one household has.
pub(crate) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let values = forwarded.iter().map(|value| (X_FORWARDED_FOR, HeaderValue::from_str(value).unwrap()));
        Proxies::parse(proxies).unwrap().client(peer.parse().unwrap(), &values.collect()).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_peer_is_the_client_whatever_it_says() {
        assert_eq!(client("", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/8", "192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
        assert_eq!(client("", "::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_last_untrusted_address_is_the_client() {
        let seen = |forwarded: &[&str]| client("10.0.0.0/8, 2001:db8::1", "10.0.0.1", forwarded);
        assert_eq!(seen(&[]), "10.0.0.1");
        assert_eq!(seen(&["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen(&["1.1.1.1, 198.51.100.7, 10.2.3.4"]), "198.51.100.7");
        assert_eq!(seen(&["1.1.1.1", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen(&["198.51.100.7:4711, 2001:db8::1"]), "198.51.100.7");
        assert_eq!(seen(&["[2001:db8::2]:80"]), "2001:db8::2");
        assert_eq!(seen(&["198.51.100.7, nonsense"]), "10.0.0.1");
    }

    #[test]
    fn only_addresses_and_networks_are_proxies() {
        assert_eq!(Proxies::parse("10.0.0.1, proxy.local").err(), Some("proxy.local"));
    }

    #[test]
    fn a_household_is_one_place() {
        let at = |text: &str| place(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::3"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::3"), at("2001:db8:1:3::3"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.2"), at("192.0.2.1"));
    }
}
