//! Finds the address of a client behind proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderName;
use ipnet::IpNet;

use crate::http::request_headers::only;

/// Each proxy appends the address of its peer.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Set by a proxy that serves the gateway under a path and removes that path.
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const LONGEST_PREFIX: usize = 256;

/// The peer address of a connection, as an extension of its requests.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The trusted proxies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Parses addresses and networks, comma separated; the error is the first item that is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, &str> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let network = |item: &str| item.parse().or_else(|_| item.parse::<IpAddr>().map(IpNet::from));
        items.map(|item| network(item).map_err(|_| item)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is that of a trusted proxy.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client: that of the peer or, behind trusted proxies, the last address that is not one of theirs.
    /// The client may have forged everything further to the left.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        // From right to left, and no further than needed: what a client sent may be arbitrary bytes.
        for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            for item in value.as_bytes().rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if !self.contain(client) {
                    return client;
                }
                // Empty list elements are ignored (RFC 9110, section 5.6.1).
                if item.is_empty() {
                    continue;
                }
                let Some(address) = parse(item) else { return client };
                client = address.to_canonical();
            }
        }
        client
    }

    /// The path under which clients reach the gateway, without a trailing slash; empty unless a trusted proxy sends one.
    pub(crate) fn prefix<'h>(&self, peer: IpAddr, headers: &'h HeaderMap) -> &'h str {
        if !headers.contains_key(X_FORWARDED_PREFIX) || !self.contain(peer.to_canonical()) {
            return "";
        }
        let prefix = only(headers, &X_FORWARDED_PREFIX).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if is_prefix(prefix) { prefix } else { "" }
    }
}

/// Whether a path is safe in front of every URL that we send: it must lead only to another path of the same host.
fn is_prefix(path: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(unreserved);
    path.len() <= LONGEST_PREFIX && path.strip_prefix('/').is_some_and(|path| path.split('/').all(segment))
}

/// Parses an address as proxies write it: with or without a port and brackets.
fn parse(item: &[u8]) -> Option<IpAddr> {
    let item = std::str::from_utf8(item).ok()?;
    let bracketed = || item.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || item.parse::<SocketAddr>().ok().map(|address| address.ip());
    item.parse().ok().or_else(bracketed).or_else(with_port)
}

/// What the limits count as one client: an IPv4 address, or an IPv6 /64, which is what one household has.
pub(crate) fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The IPv6 /48 of an address, which one customer of a provider may have; `None` for IPv4.
pub(crate) fn site_prefix(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)).into()),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let values = forwarded.iter().map(|value| (X_FORWARDED_FOR, HeaderValue::from_str(value).unwrap()));
        Proxies::parse(proxies).unwrap().client(peer.parse().unwrap(), &values.collect()).to_string()
    }

    #[test]
    fn without_trusted_proxies_the_peer_is_the_client_whatever_it_sends() {
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
        assert_eq!(seen(&["198.51.100.7, [[2001:db8::2]]"]), "10.0.0.1");
        assert_eq!(seen(&["198.51.100.7,, ,", ""]), "198.51.100.7");
    }

    #[test]
    fn what_is_left_of_the_client_may_be_anything() {
        let proxies = Proxies::parse("10.0.0.0/8").unwrap();
        let seen = |values: &[&[u8]]| {
            let values = values.iter().map(|value| (X_FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap()));
            proxies.client("10.0.0.1".parse().unwrap(), &values.collect()).to_string()
        };
        assert_eq!(seen(&[b"\xff, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen(&[b"\xff", b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen(&[b"\xc3\xa9\t, 198.51.100.1 ,10.9.9.9"]), "198.51.100.1");
        assert_eq!(seen(&[b"198.51.100.1, \xff"]), "10.0.0.1");
    }

    proptest! {
        #[test]
        fn the_client_is_the_peer_or_an_address_that_was_named(text in proptest::collection::vec(
            prop_oneof![Just(b','), Just(b' '), Just(b'.'), Just(b':'), Just(b'['), Just(b'1'), Just(b'0'), 0x80_u8..=0xff], 0..40))
        {
            let proxies = Proxies::parse("10.0.0.0/8").unwrap();
            let headers = [(X_FORWARDED_FOR, HeaderValue::from_bytes(&text).unwrap())].into_iter().collect();
            let client = proxies.client("10.0.0.1".parse().unwrap(), &headers);
            let header = String::from_utf8_lossy(&text);
            let named = header.split(',').filter_map(|part| parse(part.trim().as_bytes()));
            prop_assert!(client.to_string() == "10.0.0.1" || named.into_iter().any(|named| named.to_canonical() == client));
            let untrusted: IpAddr = "192.0.2.1".parse().unwrap();
            prop_assert_eq!(proxies.client(untrusted, &headers), untrusted);
        }
    }

    #[test]
    fn a_prefix_is_accepted_only_from_trusted_proxies_and_only_if_it_is_a_path() {
        let prefix = |peer: &str, values: &[&str]| {
            let headers =
                values.iter().map(|value| (X_FORWARDED_PREFIX, HeaderValue::from_str(value).unwrap())).collect();
            Proxies::parse("10.0.0.1").unwrap().prefix(peer.parse().unwrap(), &headers).to_owned()
        };
        for (sent, prefix_used) in [("/api", "/api"), ("/api/", "/api"), ("/a-b/v1.0/~x_", "/a-b/v1.0/~x_"), ("/", "")]
        {
            assert_eq!(prefix("10.0.0.1", &[sent]), prefix_used);
            assert_eq!(prefix("192.0.2.1", &[sent]), "");
        }
        for bad in [
            "",
            "api",
            "//evil.example",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a b",
            "/a>",
            "/a?b",
            "/a%2f",
            "/a, /b",
            "https://evil.example",
            "/\\evil",
            &format!("/{}", "a".repeat(256)),
        ] {
            assert_eq!(prefix("10.0.0.1", &[bad]), "", "{bad}");
        }
        assert_eq!(prefix("10.0.0.1", &["/a", "/b"]), "");
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        assert_eq!(Proxies::parse("10.0.0.1, proxy.local").err(), Some("proxy.local"));
    }

    #[test]
    fn an_ipv6_household_is_one_client() {
        let at = |text: &str| client_prefix(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::3"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::3"), at("2001:db8:1:3::3"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.2"), at("192.0.2.1"));
    }
}
