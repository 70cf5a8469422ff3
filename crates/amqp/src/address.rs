//! The broker's address: one node, or several of a cluster.

use lapin::uri::AMQPUri;

/// Seconds between heartbeats; a peer that stays silent for twice as long is considered dead. RabbitMQ advises against less.
const HEARTBEAT: u16 = 5;
/// Keeps lapin's two ring buffers (32 frames each) small: 6 MB instead of 13 MB resident under traffic.
const FRAME_MAX: u32 = 16_384;

/// A node of the broker.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) uri: AMQPUri,
    /// Certificate authorities in PEM.
    pub(crate) authorities: Option<String>,
}

impl Node {
    /// Its host and port, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.uri.authority.host, self.uri.authority.port)
    }

    /// What the nodes of a cluster have in common.
    fn account(&self) -> (&str, &str, &str) {
        let AMQPUri { authority, vhost, .. } = &self.uri;
        (vhost, &authority.userinfo.username, &authority.userinfo.password)
    }
}

/// Parses an address, or several with commas between them. The error continues a sentence and does not quote the address,
/// which contains a password.
pub(crate) fn parse(addresses: &str) -> Result<Vec<Node>, String> {
    let nodes: Vec<Node> = split(addresses).into_iter().map(node).collect::<Result<_, _>>()?;
    if nodes.iter().any(|node| node.account() != nodes[0].account()) {
        return Err(
            "names nodes with different users, passwords or vhosts: a cluster has the same on every node".into()
        );
    }
    Ok(nodes)
}

/// Splits where another address begins: a password may contain a comma.
fn split(addresses: &str) -> Vec<&str> {
    let mut rest = addresses;
    let mut all = Vec::new();
    while let Some(comma) = rest.match_indices(',').map(|(at, _)| at).find(|at| begins_address(&rest[at + 1..])) {
        all.push(rest[..comma].trim());
        rest = &rest[comma + 1..];
    }
    all.push(rest.trim());
    all
}

fn begins_address(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("amqp://") || text.starts_with("amqps://")
}

fn node(address: &str) -> Result<Node, String> {
    let (url, authorities) = without_authorities(address);
    let authorities = authorities.map(read_authorities).transpose()?;
    let mut uri: AMQPUri = url
        .parse()
        .map_err(|problem| format!("must be like amqp://user:password@host:5672/%2f ({problem})").replace(&url, "…"))?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT);
    uri.query.frame_max = Some(uri.query.frame_max.unwrap_or_default().max(FRAME_MAX));
    Ok(Node { uri, authorities })
}

/// Splits the file of certificate authorities off an address, because lapin does not know this parameter.
fn without_authorities(url: &str) -> (String, Option<&str>) {
    let Some((place, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let file = query.split('&').find_map(|pair| pair.strip_prefix("cacertfile="));
    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("cacertfile=")).collect();
    (if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) }, file)
}

/// Reads the file once, so that an unusable one is reported at the start and not at each connection.
fn read_authorities(file: &str) -> Result<String, String> {
    let unusable = |problem: &dyn std::fmt::Display| format!("names {file} as its cacertfile, which {problem}");
    let pem = std::fs::read_to_string(file).map_err(|error| unusable(&format_args!("cannot be read ({error})")))?;
    if pem.contains("-----BEGIN CERTIFICATE-----") { Ok(pem) } else { Err(unusable(&"holds no certificate")) }
}

/// The items in random order, so that the clients of a node that ends do not all go to the same other one.
pub(crate) fn shuffled<T>(items: &[T]) -> Vec<&T> {
    let mut all: Vec<&T> = items.iter().collect();
    for last in (1..all.len()).rev() {
        let mut bytes = [0; 2];
        // Without randomness the order is as written.
        if getrandom::fill(&mut bytes).is_ok() {
            all.swap(last, usize::from(u16::from_ne_bytes(bytes)) % (last + 1));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(addresses: &str) -> Vec<String> {
        parse(addresses).unwrap().iter().map(Node::place).collect()
    }

    #[test]
    fn a_bad_address_is_refused_without_quoting_its_password() {
        for address in ["amqp://me:hunter2@host:port/%2f", "amqp://me:hunter2@a/v,amqp://me:hunter2@b:port/v", ""] {
            let problem = parse(address).err().unwrap();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn several_nodes_are_separated_by_commas() {
        assert_eq!(places("amqp://u:p@a/v"), ["a:5672"]);
        assert_eq!(places("amqp://u:p@a/v,amqps://u:p@b/v, amqp://u:p@c:7/v"), ["a:5672", "b:5671", "c:7"]);
        assert_eq!(places("amqp://u:p,q@a/v,amqp://u:p,q@b/v"), ["a:5672", "b:5672"], "a password with a comma");
    }

    #[test]
    fn the_nodes_of_a_cluster_have_one_account_and_one_vhost() {
        for other in ["amqp://x:p@b/v", "amqp://u:x@b/v", "amqp://u:p@b/x", "amqp://u:p@b"] {
            let problem = parse(&format!("amqp://u:p@a/v,{other}")).err().unwrap();
            assert!(problem.starts_with("names nodes with different"), "{problem}");
        }
    }

    #[test]
    fn the_cacertfile_is_read_at_once_and_hidden_from_lapin() {
        for file in ["/nonexistent.pem", "/dev/null"] {
            let problem = parse(&format!("amqps://me:hunter2@host/%2f?cacertfile={file}&heartbeat=5")).err().unwrap();
            assert!(problem.contains(file) && !problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(without_authorities("amqps://h/v?cacertfile=/a.pem"), ("amqps://h/v".into(), Some("/a.pem")));
        let (url, _) = without_authorities("amqps://h/v?heartbeat=5&cacertfile=/a.pem&frame_max=9000");
        assert_eq!(url, "amqps://h/v?heartbeat=5&frame_max=9000");
    }

    #[test]
    fn every_order_comes_up() {
        let orders: std::collections::HashSet<Vec<&u8>> = (0..500).map(|_| shuffled(&[1, 2, 3])).collect();
        assert_eq!(orders.len(), 6);
    }
}
