//! Makes every message safe to parse before the AMQP library sees its frames, so that a malformed message harms only itself.
//!
//! A broker passes on whatever a publisher sent: headers larger than our frames, tables nested ten thousand deep (which
//! overflow a recursive parser's stack), names that are not UTF-8, bodies of a hundred megabytes. Each of them makes
//! the library end the connection, or the process, and the broker then delivers the same message again. This filter
//! removes such headers and bodies and says so in the header [`UNREADABLE`]; the consumer then refuses or dead-letters
//! the message.

use std::collections::HashMap;
use std::io;

use crate::headers::UNREADABLE;
use crate::transport::header_table::{self, Table};

/// The size limits of messages that are passed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of the header table. With the other properties it must fit one frame.
    pub(crate) table: usize,
    /// Bytes of the body.
    pub(crate) body: u64,
}

/// Frame types, AMQP 0-9-1 section 4.2.3, and the octet that ends each frame.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xce;
/// Type, channel, size.
const HEAD: usize = 7;
/// The largest method or header frame of any broker: those are bounded by its `frame_max` and what it adds itself.
const LARGEST_FRAME: usize = 4 * 1024 * 1024;

/// The position in the stream of frames.
enum State {
    /// In a frame's head.
    Head { head: [u8; HEAD], have: usize },
    /// In a frame that is collected for inspection; `rest` bytes are missing.
    Collect { head: [u8; HEAD], frame: Vec<u8>, rest: usize },
    /// In a frame that is passed on unchanged.
    Pass { rest: usize },
    /// In a frame that is dropped.
    Skip { rest: usize },
    /// Not AMQP frames: the broker speaks another protocol, and the library reports it.
    Raw,
}

const START: State = State::Head { head: [0; HEAD], have: 0 };

/// Reads a broker's bytes and passes on those that are safe.
pub(crate) struct FrameFilter {
    limits: Limits,
    state: State,
    /// Per channel, how much of a body is still to be dropped.
    left_out: HashMap<u16, u64>,
}

impl FrameFilter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: START, left_out: HashMap::new() }
    }

    /// Takes the next bytes and appends what is passed on.
    pub(crate) fn feed(&mut self, mut input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        while !input.is_empty() {
            input = self.step(input, output)?;
        }
        Ok(())
    }

    fn step<'i>(&mut self, input: &'i [u8], output: &mut Vec<u8>) -> io::Result<&'i [u8]> {
        match &mut self.state {
            State::Raw => {
                output.extend_from_slice(input);
                Ok(&[])
            }
            State::Head { head, have } => {
                let (taken, input) = input.split_at(input.len().min(HEAD - *have));
                head[*have..*have + taken.len()].copy_from_slice(taken);
                *have += taken.len();
                if !matches!(head[0], METHOD | HEADER | BODY | HEARTBEAT) {
                    output.extend_from_slice(&head[..*have]);
                    self.state = State::Raw;
                } else if *have == HEAD {
                    let head = *head;
                    self.state = self.begin(head, output)?;
                }
                Ok(input)
            }
            State::Collect { head, frame, rest } => {
                let (taken, input) = input.split_at(input.len().min(*rest));
                frame.extend_from_slice(taken);
                *rest -= taken.len();
                if *rest == 0 {
                    let (head, frame) = (*head, std::mem::take(frame));
                    self.state = START;
                    self.inspect(head, frame, output)?;
                }
                Ok(input)
            }
            State::Pass { rest } => {
                let (taken, input) = input.split_at(input.len().min(*rest));
                output.extend_from_slice(taken);
                *rest -= taken.len();
                if *rest == 0 {
                    self.state = START;
                }
                Ok(input)
            }
            State::Skip { rest } => {
                let (taken, input) = input.split_at(input.len().min(*rest));
                *rest -= taken.len();
                if *rest == 0 {
                    self.state = START;
                }
                Ok(input)
            }
        }
    }

    /// Decides what to do with a frame, by its head.
    fn begin(&mut self, head: [u8; HEAD], output: &mut Vec<u8>) -> io::Result<State> {
        let size = usize::try_from(u32::from_be_bytes([head[3], head[4], head[5], head[6]])).unwrap_or(usize::MAX);
        let rest = size.saturating_add(1);
        match head[0] {
            METHOD | HEADER if size > LARGEST_FRAME => Err(malformed("a frame is larger than any broker sends")),
            METHOD | HEADER => Ok(State::Collect { head, frame: Vec::with_capacity(rest), rest }),
            BODY if self.drops(channel(head), size) => Ok(State::Skip { rest }),
            _ => {
                output.extend_from_slice(&head);
                Ok(State::Pass { rest })
            }
        }
    }

    /// Whether this body frame belongs to a body that is dropped.
    fn drops(&mut self, channel: u16, size: usize) -> bool {
        let Some(left) = self.left_out.get_mut(&channel) else { return false };
        *left = left.saturating_sub(u64::try_from(size).unwrap_or(u64::MAX));
        if *left == 0 {
            self.left_out.remove(&channel);
        }
        true
    }

    /// Inspects a complete frame and passes it on. `frame` is the payload with the end octet.
    fn inspect(&mut self, head: [u8; HEAD], mut frame: Vec<u8>, output: &mut Vec<u8>) -> io::Result<()> {
        if frame.pop() != Some(FRAME_END) {
            return Err(malformed("a frame has no end"));
        }
        let payload = if head[0] == METHOD {
            self.left_out.remove(&channel(head));
            clean_names(&mut frame);
            frame
        } else {
            let content = ContentHeader::read(&frame).ok_or_else(|| malformed("a content header is cut short"))?;
            if content.body > self.limits.body {
                self.left_out.insert(channel(head), content.body);
            }
            content.within(&self.limits)
        };
        let size = u32::try_from(payload.len()).map_err(|_| malformed("a frame is larger than any broker sends"))?;
        output.extend_from_slice(&head[..3]);
        output.extend_from_slice(&size.to_be_bytes());
        output.extend_from_slice(&payload);
        output.push(FRAME_END);
        Ok(())
    }
}

fn channel(head: [u8; HEAD]) -> u16 {
    u16::from_be_bytes([head[1], head[2]])
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// In the methods that deliver messages, names that publishers chose (a routing key, through a `CC` header) may not be
/// UTF-8. Each invalid byte becomes a question mark, which keeps the lengths.
fn clean_names(method: &mut [u8]) {
    const BASIC: u16 = 60;
    let Some(&[c0, c1, m0, m1]) = method.first_chunk() else { return };
    let mut cursor = Cursor { bytes: method, at: 4 };
    // AMQP 0-9-1 section 1.8.3: the fields before, between and after the names.
    let _ = match (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([m0, m1])) {
        (BASIC, 50) => cursor.skip(2).and_then(|()| cursor.clean_names(3)), // return
        (BASIC, 60) => cursor.clean_names(1).and_then(|()| cursor.skip(9)).and_then(|()| cursor.clean_names(2)), // deliver
        (BASIC, 71) => cursor.skip(9).and_then(|()| cursor.clean_names(2)), // get-ok
        _ => None,
    };
}

struct Cursor<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    fn clean_names(&mut self, names: usize) -> Option<()> {
        for _ in 0..names {
            let length = usize::from(*self.bytes.get(self.at)?);
            let name = self.bytes.get_mut(self.at + 1..self.at + 1 + length)?;
            clean(name);
            self.at += 1 + length;
        }
        Some(())
    }
}

/// Replaces what is not UTF-8, byte by byte.
fn clean(mut text: &mut [u8]) {
    while let Err(error) = std::str::from_utf8(text) {
        let wrong = error.valid_up_to();
        let Some(byte) = text.get_mut(wrong) else { return };
        *byte = b'?';
        text = &mut text[wrong + 1..];
    }
}

/// The properties of a message, in their order: AMQP 0-9-1 section 1.8.3.
#[derive(Clone, Copy)]
enum Property {
    Name,
    Table,
    Fixed(usize),
}

const PROPERTIES: [Property; 14] = [
    Property::Name,     // content type
    Property::Name,     // content encoding
    Property::Table,    // headers
    Property::Fixed(1), // delivery mode
    Property::Fixed(1), // priority
    Property::Name,     // correlation id
    Property::Name,     // reply to
    Property::Name,     // expiration
    Property::Name,     // message id
    Property::Fixed(8), // timestamp
    Property::Name,     // type
    Property::Name,     // user id
    Property::Name,     // app id
    Property::Name,     // cluster id
];
const TABLE_FLAG: u16 = 1 << 13;

/// A content header, which precedes a body.
struct ContentHeader<'f> {
    class: [u8; 2],
    body: u64,
    flags: u16,
    /// The properties before and after the header table, cleaned.
    before: Vec<u8>,
    table: &'f [u8],
    after: Vec<u8>,
}

impl<'f> ContentHeader<'f> {
    /// `None` if the properties are cut short, which no broker sends: it has parsed them itself.
    fn read(frame: &'f [u8]) -> Option<Self> {
        let (fixed, mut rest) = frame.split_first_chunk::<14>()?;
        let flags = u16::from_be_bytes([fixed[12], fixed[13]]);
        let (mut before, mut after, mut table): (_, _, &[u8]) = (Vec::new(), Vec::new(), &[]);
        for (place, property) in PROPERTIES.into_iter().enumerate() {
            if flags & (1 << (15 - place)) == 0 {
                continue;
            }
            let length = match property {
                Property::Fixed(length) => length,
                Property::Name => 1 + usize::from(*rest.first()?),
                Property::Table => header_table::long(rest)?,
            };
            let (value, others) = rest.split_at_checked(length)?;
            rest = others;
            if let Property::Table = property {
                table = &value[4..];
                continue;
            }
            let side = if place < 2 { &mut before } else { &mut after };
            let begun = side.len();
            side.extend_from_slice(value);
            if let Property::Name = property {
                clean(&mut side[begun + 1..]);
            }
        }
        let body = u64::from_be_bytes(fixed[4..12].try_into().ok()?);
        Some(Self { class: [fixed[0], fixed[1]], body, flags, before, table, after })
    }

    /// Encodes it without the parts that exceed the limits.
    fn within(self, limits: &Limits) -> Vec<u8> {
        let mut table = Table::within(self.table, limits.table);
        let mut body = self.body;
        if body > limits.body {
            body = 0;
            table
                .unreadable
                .get_or_insert(format!("its body has {} bytes; at most {} are taken", self.body, limits.body));
        }
        let table = table.encode(UNREADABLE);
        let flags = (self.flags & !0b11 & !TABLE_FLAG) | if table.is_empty() { 0 } else { TABLE_FLAG };
        let mut frame = Vec::with_capacity(18 + self.before.len() + table.len() + self.after.len());
        frame.extend_from_slice(&self.class);
        frame.extend_from_slice(&[0, 0]); // weight
        frame.extend_from_slice(&body.to_be_bytes());
        frame.extend_from_slice(&flags.to_be_bytes());
        frame.extend_from_slice(&self.before);
        if !table.is_empty() {
            frame.extend_from_slice(&u32::try_from(table.len()).unwrap_or(u32::MAX).to_be_bytes());
            frame.extend_from_slice(&table);
        }
        frame.extend_from_slice(&self.after);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { table: 7_000, body: 100 };

    fn frame(kind: u8, channel: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, channel][..], &size, payload, &[FRAME_END]].concat()
    }

    /// A content header with a correlation id.
    fn header(body: u64, table: &[u8], correlation_id: &[u8]) -> Vec<u8> {
        let length = u32::try_from(table.len()).unwrap().to_be_bytes();
        let id = u8::try_from(correlation_id.len()).unwrap();
        let flags = (TABLE_FLAG | 1 << 10).to_be_bytes();
        let fixed = [&[0, 60, 0, 0][..], &body.to_be_bytes(), &flags].concat();
        frame(HEADER, 1, &[&fixed[..], &length, table, &[id], correlation_id].concat())
    }

    fn text(name: &str, value: &str) -> Vec<u8> {
        let length = u32::try_from(value.len()).unwrap().to_be_bytes();
        [&[u8::try_from(name.len()).unwrap()][..], name.as_bytes(), b"S", &length, value.as_bytes()].concat()
    }

    /// Feeds the stream in pieces of every size up to `most`.
    fn filtered(stream: &[u8], most: usize) -> Vec<u8> {
        let mut output = Vec::new();
        let mut filter = FrameFilter::new(LIMITS);
        let (mut rest, mut size) = (stream, 1);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(size));
            filter.feed(piece, &mut output).unwrap();
            (rest, size) = (after, size % most + 1);
        }
        output
    }

    #[test]
    fn ordinary_frames_pass_as_they_are() {
        let table = text("caller", "u");
        let stream = [
            frame(METHOD, 0, &[0, 10, 0, 10, 0, 9]),
            frame(HEARTBEAT, 0, &[]),
            header(3, &table, b"c-1"),
            frame(BODY, 1, b"abc"),
        ]
        .concat();
        for most in [1, 7, 5_000] {
            assert_eq!(filtered(&stream, most), stream);
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_removed_and_the_message_says_so() {
        let parts = [frame(BODY, 1, &[b'x'; 60]), frame(BODY, 2, b"other"), frame(BODY, 1, &[b'x'; 41])].concat();
        let next = [header(3, &text("a", "b"), b"next"), frame(BODY, 1, b"abc")].concat();
        let stream = [header(101, &[], b"c"), parts, next.clone()].concat();
        let marked = header(0, &text(UNREADABLE, "its body has 101 bytes; at most 100 are taken"), b"c");
        for most in [1, 9, 5_000] {
            assert_eq!(filtered(&stream, most), [marked.clone(), frame(BODY, 2, b"other"), next.clone()].concat());
        }
    }

    #[test]
    fn names_that_are_not_utf_8_are_cleaned() {
        let stream = header(0, &text("a", "b"), b"a\xff\xfeb");
        assert_eq!(filtered(&stream, 9), header(0, &text("a", "b"), b"a??b"));
        let deliver = |key: &[u8]| {
            let tag = [&[0, 60, 0, 60][..], b"\x03tag", &[0; 9], b"\x00\x04"].concat();
            frame(METHOD, 1, &[&tag, key].concat())
        };
        assert_eq!(filtered(&deliver(b"k\xc3ey"), 9), deliver(b"k?ey"));
    }

    #[test]
    fn a_foreign_header_that_is_too_large_is_removed() {
        let table = [text("x-baggage", &"x".repeat(20_000)), text("caller", "u")].concat();
        assert_eq!(filtered(&header(0, &table, b"c"), 5_000), header(0, &text("caller", "u"), b"c"));
    }

    #[test]
    fn bytes_that_are_no_frame_are_passed_on_for_the_library_to_report() {
        assert_eq!(filtered(b"AMQP\x00\x00\x09\x01", 3), b"AMQP\x00\x00\x09\x01");
        let mut filter = FrameFilter::new(LIMITS);
        assert!(filter.feed(&[METHOD, 0, 0, 0, 0, 0, 1, 0, 0], &mut Vec::new()).is_err());
        assert!(filter.feed(&[METHOD, 0, 0, 255, 0, 0, 1], &mut Vec::new()).is_err());
    }
}
