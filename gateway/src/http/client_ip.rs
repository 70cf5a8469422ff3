//! Finds a client's address behind proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderName;
use ipnet::IpNet;

use crate::http::request_headers::only;

/// Written by each proxy: the address that it was called from comes last.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Written by a proxy that serves us below a path of its own and takes that off.
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const LONGEST_PREFIX: usize = 256;

/// The address at the other end of a connection, as a request bears it.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The trusted proxies.
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
        // From the right, and only as far as need be: what a client wrote to the left may be anything, not even text.
        for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            for said in value.as_bytes().rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if !self.contain(client) {
                    return client;
                }
                // An empty element of a list is none (RFC 9110, section 5.6.1).
                if said.is_empty() {
                    continue;
                }
                let Some(address) = parse(said) else { return client };
                client = address.to_canonical();
            }
        }
        client
    }

    /// The path below which clients see us, without a slash at its end; empty where no trusted proxy says any.
    pub(crate) fn prefix<'h>(&self, peer: IpAddr, headers: &'h HeaderMap) -> &'h str {
        if !headers.contains_key(X_FORWARDED_PREFIX) || !self.contain(peer.to_canonical()) {
            return "";
        }
        let said = only(headers, &X_FORWARDED_PREFIX).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let said = said.strip_suffix('/').unwrap_or(said);
        if is_prefix(said) { said } else { "" }
    }
}

/// Whether a path may stand before every address that we tell: it leads nowhere but to another path of the same host.
fn is_prefix(path: &str) -> bool {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(harmless);
    path.len() <= LONGEST_PREFIX && path.strip_prefix('/').is_some_and(|path| path.split('/').all(segment))
}

/// An address as proxies write it: perhaps with a port, and with brackets then.
fn parse(said: &[u8]) -> Option<IpAddr> {
    let said = std::str::from_utf8(said).ok()?;
    let bracketed = || said.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || said.parse::<SocketAddr>().ok().map(|address| address.ip());
    said.parse().ok().or_else(bracketed).or_else(with_port)
}

/// What is counted as one place: an IPv4 address, or an IPv6 network of 64 bits, which is what one household has.
pub(crate) fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The IPv6 network of 48 bits around an address: what one customer of a provider may have whole.
pub(crate) fn network(address: IpAddr) -> Option<IpAddr> {
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
        assert_eq!(seen(&["198.51.100.7, [[2001:db8::2]]"]), "10.0.0.1");
        assert_eq!(seen(&["198.51.100.7,, ,", ""]), "198.51.100.7");
    }

    #[test]
    fn what_stands_left_of_the_client_may_be_anything() {
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
            let said = String::from_utf8_lossy(&text);
            let named = said.split(',').filter_map(|part| parse(part.trim().as_bytes()));
            prop_assert!(client.to_string() == "10.0.0.1" || named.into_iter().any(|named| named.to_canonical() == client));
            let stranger: IpAddr = "192.0.2.1".parse().unwrap();
            prop_assert_eq!(proxies.client(stranger, &headers), stranger);
        }
    }

    #[test]
    fn a_prefix_is_taken_from_trusted_proxies_and_only_where_it_is_a_path() {
        let prefix = |peer: &str, values: &[&str]| {
            let headers =
                values.iter().map(|value| (X_FORWARDED_PREFIX, HeaderValue::from_str(value).unwrap())).collect();
            Proxies::parse("10.0.0.1").unwrap().prefix(peer.parse().unwrap(), &headers).to_owned()
        };
        for (said, taken) in [("/api", "/api"), ("/api/", "/api"), ("/a-b/v1.0/~x_", "/a-b/v1.0/~x_"), ("/", "")] {
            assert_eq!(prefix("10.0.0.1", &[said]), taken);
            assert_eq!(prefix("192.0.2.1", &[said]), "");
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
