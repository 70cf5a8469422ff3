//! Prevents request smuggling: scans the raw bytes of a connection and invalidates heads that hyper accepts although a proxy
//! might see their end elsewhere: a line that ends with a bare LF (RFC 9112, section 2.2), and a body with both
//! `Transfer-Encoding` and `Content-Length` (section 6.1).
//!
//! An invalidated head has a NUL at the end of a line, so hyper rejects it in its turn, after the responses to earlier
//! requests.

/// How much of a line is kept: enough for the fields and chunk sizes that determine the length of a body.
const KEPT: usize = 64;
const INVALID: u8 = 0;

/// The scanner of a connection. It scans heads and chunk sizes once, and skips the rest.
#[derive(Default)]
pub(crate) struct HeadScanner {
    state: State,
    /// The current line so far, truncated to `KEPT`.
    line: Vec<u8>,
    last: u8,
    head: Head,
}

/// The position in the byte stream.
#[derive(Default)]
enum State {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    Trailers,
    /// After something that hyper rejects, or that cannot be tracked: everything passes unchanged.
    Untracked,
}

/// The current head so far.
#[derive(Default)]
struct Head {
    started: bool,
    /// The body's length; `u64::MAX` if it is ambiguous, which hyper rejects.
    length: Option<u64>,
    /// Whether the coding is `chunked`.
    coding: Option<bool>,
}

impl HeadScanner {
    /// Scans the next bytes that were read.
    pub(crate) fn scan(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                State::Untracked => return,
                State::Body(left) | State::Chunk(left) => {
                    let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = if matches!(self.state, State::Body(_)) { State::Head } else { State::ChunkSize };
                    }
                    taken
                }
                State::Head | State::ChunkSize | State::Trailers => self.line(bytes),
            };
            bytes = &mut bytes[taken..];
        }
    }

    /// Scans up to the end of a line; returns how many bytes.
    fn line(&mut self, bytes: &mut [u8]) -> usize {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let text = &bytes[..end.unwrap_or(bytes.len())];
        self.line.extend(text.iter().take(KEPT - self.line.len()));
        self.last = text.last().copied().unwrap_or(self.last);
        let Some(end) = end else { return bytes.len() };
        let bare = self.last != b'\r';
        let line = std::mem::take(&mut self.line);
        self.last = 0;
        let in_head = matches!(self.state, State::Head);
        let invalid = in_head && (bare || self.head_line(&line));
        if !in_head {
            self.state = if bare { State::Untracked } else { self.chunk_line(&line) };
        }
        if invalid {
            bytes[end] = INVALID;
            self.state = State::Untracked;
        }
        end + 1
    }

    /// Processes a line of a head; returns whether the head ends here and is invalid.
    fn head_line(&mut self, line: &[u8]) -> bool {
        if line != b"\r" {
            if self.head.started {
                self.head.field(line);
            }
            self.head.started = true;
            return false;
        }
        // Empty lines before a request are ignored.
        let head = std::mem::take(&mut self.head);
        self.state = match (head.length, head.coding) {
            (Some(_), Some(_)) => return true,
            (None | Some(0), None) => State::Head,
            (Some(length), None) => State::Body(length),
            (None, Some(true)) => State::ChunkSize,
            _ => State::Untracked,
        };
        false
    }

    /// The state after a line between chunks.
    fn chunk_line(&self, line: &[u8]) -> State {
        match self.state {
            State::Trailers if line == b"\r" => State::Head,
            State::Trailers => State::Trailers,
            _ => match chunk_size(line) {
                Some(0) => State::Trailers,
                // With the line break after the chunk.
                Some(size) => size.checked_add(2).map_or(State::Untracked, State::Chunk),
                None => State::Untracked,
            },
        }
    }
}

impl Head {
    fn field(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = if line.len() < KEPT { number(value, 10) } else { None };
            let same = length.filter(|length| self.length.is_none_or(|former| former == *length));
            self.length = Some(same.unwrap_or(u64::MAX));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.coding = Some(self.coding.is_none() && value.eq_ignore_ascii_case(b"chunked"));
        }
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    number(line.split(|byte| *byte == b';').next()?.trim_ascii(), 16)
}

fn number(text: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?;
    u64::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes after scanning them in pieces of this size.
    fn scanned(text: &str, piece: usize) -> String {
        let (mut scanner, mut bytes) = (HeadScanner::default(), text.as_bytes().to_vec());
        bytes.chunks_mut(piece).for_each(|piece| scanner.scan(piece));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_ambiguous_heads_are_invalidated_however_they_arrive() {
        let length = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\n\nb";
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\n3;x=y\r\n\na\n\r\n0\r\nA: b\r\n\r\n";
        let good = format!("\r\n{length}{chunked}GET / HTTP/1.1\r\n\r\n{chunked}{length}");
        for piece in 1..good.len() {
            assert_eq!(scanned(&good, piece), good);
            for (bad, invalidated) in [
                ("GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\0Host: x\r\n\r\n"),
                ("GET / HTTP/1.1\r\nHost: x\n\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\0\r\n\r\n"),
                ("GET / HTTP/1.1\r\n\n", "GET / HTTP/1.1\r\n\0"),
                (
                    "P / HTTP/1.1\r\nContent-length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "P / HTTP/1.1\r\nContent-length: 3\r\nTransfer-Encoding: chunked\r\n\r\0",
                ),
            ] {
                assert_eq!(scanned(&format!("{good}{bad}"), piece), format!("{good}{invalidated}"));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn the_result_does_not_depend_on_the_pieces(text in "[A-c0-9:;\r\n ]{0,200}", piece in 1_usize..20) {
            let whole = scanned(&text, 200);
            proptest::prop_assert_eq!(scanned(&text, piece), whole);
        }
    }
}
