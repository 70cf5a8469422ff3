//! AMQP byte by byte, for messages that no client library would send: a publisher that builds its own frames.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The largest frame that the broker takes.
pub const FRAME_MAX: usize = 131_072;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const END: u8 = 0xce;

/// A connection with one channel, which confirms.
pub struct RawAmqp {
    url: String,
    stream: Option<TcpStream>,
}

impl RawAmqp {
    /// Connects at the first publish.
    pub fn at(url: &str) -> Self {
        Self { url: url.into(), stream: None }
    }

    /// Publishes; `properties` are the flags and the values. Returns whether the broker accepted it: on a malformed message it
    /// closes the connection.
    #[track_caller]
    pub fn publish(&mut self, exchange: &str, key: &[u8], properties: &[u8], body: &[u8]) -> bool {
        let mut stream = self.stream.take().unwrap_or_else(|| connect(&self.url));
        let publish = [&[0, 60, 0, 40, 0, 0][..], &short(exchange.as_bytes()), &short(key), &[0]].concat();
        let length = (body.len() as u64).to_be_bytes();
        let header = [&[0, 60, 0, 0][..], &length, properties].concat();
        let mut frames = [frame(METHOD, 1, &publish), frame(HEADER, 1, &header)].concat();
        for part in body.chunks(FRAME_MAX - 8) {
            frames.extend(frame(BODY, 1, part));
        }
        // The broker may have closed before it has read everything.
        let taken =
            stream.write_all(&frames).is_ok() && read_until(&mut stream, &[(60, 80), (60, 120)]) == Some((60, 80));
        if taken {
            self.stream = Some(stream);
        }
        taken
    }
}

#[track_caller]
fn connect(url: &str) -> TcpStream {
    let rest = url.strip_prefix("amqp://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (address, vhost) = place.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"AMQP\0\0\x09\x01").unwrap();
    let mut step = |answer: (u16, u16), channel: u8, method: &[u8]| {
        assert_eq!(read_until(&mut stream, &[answer]), Some(answer), "the broker's part of the handshake");
        stream.write_all(&frame(METHOD, channel, method)).unwrap();
    };
    let response = [b"\0", user.as_bytes(), b"\0", password.as_bytes()].concat();
    let start_ok = [&[0, 10, 0, 11, 0, 0, 0, 0][..], &short(b"PLAIN"), &long(&response), &short(b"en_US")].concat();
    step((10, 10), 0, &start_ok);
    let frame_max = u32::try_from(FRAME_MAX).unwrap().to_be_bytes();
    step((10, 30), 0, &[&[0, 10, 0, 31, 0, 9][..], &frame_max, &[0, 0]].concat());
    // The earlier method has no answer, so opening follows at once.
    let vhost = vhost.replace("%2f", "/");
    stream.write_all(&frame(METHOD, 0, &[&[0, 10, 0, 40][..], &short(vhost.as_bytes()), &[0, 0]].concat())).unwrap();
    assert!(read_until(&mut stream, &[(10, 41)]).is_some(), "the vhost is open");
    stream.write_all(&frame(METHOD, 1, &[0, 20, 0, 10, 0])).unwrap();
    assert!(read_until(&mut stream, &[(20, 11)]).is_some(), "the channel is open");
    stream.write_all(&frame(METHOD, 1, &[0, 85, 0, 10, 0])).unwrap();
    assert!(read_until(&mut stream, &[(85, 11)]).is_some(), "the channel confirms");
    stream
}

/// Reads methods until one of these arrives; `None` if the broker closes instead.
fn read_until(stream: &mut TcpStream, methods: &[(u16, u16)]) -> Option<(u16, u16)> {
    loop {
        let mut head = [0; 7];
        stream.read_exact(&mut head).ok()?;
        let mut rest = vec![0; usize::try_from(u32::from_be_bytes([head[3], head[4], head[5], head[6]])).ok()? + 1];
        stream.read_exact(&mut rest).ok()?;
        if head[0] == METHOD {
            let method = (u16::from_be_bytes([rest[0], rest[1]]), u16::from_be_bytes([rest[2], rest[3]]));
            if methods.contains(&method) {
                return Some(method);
            }
            if matches!(method, (10, 50) | (20, 40)) {
                return None;
            }
        }
    }
}

fn frame(kind: u8, channel: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, channel][..], &size, payload, &[END]].concat()
}

/// Short text, cut where its length byte ends.
pub fn short(text: &[u8]) -> Vec<u8> {
    let text = &text[..text.len().min(255)];
    [&[u8::try_from(text.len()).unwrap()][..], text].concat()
}

/// Long text, or a table or an array.
pub fn long(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

/// The properties of a message as bytes, in any order.
#[derive(Clone, Default)]
#[must_use]
pub struct Properties {
    /// By place: AMQP 0-9-1 section 1.8.3.
    values: [Option<Vec<u8>>; 14],
    headers: Vec<u8>,
}

impl Properties {
    /// Adds a header: its name, and its value with the type before it.
    pub fn header(mut self, name: &[u8], value: &[u8]) -> Self {
        self.headers.extend(short(name));
        self.headers.extend_from_slice(value);
        self.values[2] = Some(long(&self.headers));
        self
    }

    /// A header of text.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.header(name.as_bytes(), &[b"S", &long(value.as_bytes())[..]].concat())
    }

    /// Sets the whole header table, whatever its bytes.
    pub fn table(self, bytes: &[u8]) -> Self {
        self.value(2, long(bytes))
    }

    /// One property that is text.
    pub fn name(self, place: usize, text: &[u8]) -> Self {
        self.value(place, short(text))
    }

    /// One property as bytes.
    pub fn value(mut self, place: usize, bytes: Vec<u8>) -> Self {
        self.values[place] = Some(bytes);
        self
    }

    /// Sets the correlation id.
    pub fn correlation_id(self, id: &[u8]) -> Self {
        self.name(5, id)
    }

    /// Sets the reply address.
    pub fn reply_to(self, address: &[u8]) -> Self {
        self.name(6, address)
    }

    /// The message's identity.
    pub fn message_id(self, id: &[u8]) -> Self {
        self.name(8, id)
    }

    /// Encodes them as they follow the body size in a content header.
    pub fn encode(&self) -> Vec<u8> {
        let mut flags = 0_u16;
        let mut bytes = Vec::new();
        for (place, value) in self.values.iter().enumerate() {
            if let Some(value) = value {
                flags |= 1 << (15 - place);
                bytes.extend_from_slice(value);
            }
        }
        [&flags.to_be_bytes()[..], &bytes].concat()
    }
}

/// Nested tables or arrays, as a value.
pub fn nested(levels: usize, tables: bool) -> Vec<u8> {
    let mut value = vec![b'V'];
    for _ in 0..levels {
        let content = if tables { [&b"\x01n"[..], &value].concat() } else { value };
        value = [&[if tables { b'F' } else { b'A' }][..], &long(&content)].concat();
    }
    value
}
