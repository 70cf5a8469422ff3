//! Follows the raw bytes of a connection from head to head, and spoils those that hyper would take although the client
//! and somebody between us might see their end at different places: a line that ends with a bare LF (RFC 9112, section
//! 2.2), and a body with both `Transfer-Encoding` and `Content-Length` (section 6.1).
//!
//! A spoilt head holds a NUL where its line should end, so hyper refuses it when its turn comes, after the answers to
//! what was sent before.

/// What is kept of a line: enough for the fields and chunk sizes that say how long a body is.
const KEPT: usize = 64;
const SPOILT: u8 = 0;

/// Where in a connection's bytes we are. It costs one pass over heads and chunk sizes, and skips the rest.
#[derive(Default)]
pub(crate) struct HeadScanner {
    place: Place,
    /// The current line so far, cut at `KEPT`.
    line: Vec<u8>,
    last: u8,
    head: Head,
}

#[derive(Default)]
enum Place {
    #[default]
    Head,
    Body(u64),
    ChunkSize,
    Chunk(u64),
    Trailers,
    /// After something that hyper refuses, or that we cannot follow: whatever comes is let through as it is.
    Lost,
}

/// What the current head has said so far.
#[derive(Default)]
struct Head {
    begun: bool,
    /// The body's length; where it is unclear, which hyper refuses, one without end.
    length: Option<u64>,
    /// Whether the coding is `chunked`.
    coding: Option<bool>,
}

impl HeadScanner {
    /// Takes the next bytes that were read.
    pub(crate) fn scan(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match &mut self.place {
                Place::Lost => return,
                Place::Body(left) | Place::Chunk(left) => {
                    let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= taken as u64;
                    if *left == 0 {
                        self.place = if matches!(self.place, Place::Body(_)) { Place::Head } else { Place::ChunkSize };
                    }
                    taken
                }
                Place::Head | Place::ChunkSize | Place::Trailers => self.line(bytes),
            };
            bytes = &mut bytes[taken..];
        }
    }

    /// Takes what there is of a line; says how much that was.
    fn line(&mut self, bytes: &mut [u8]) -> usize {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let text = &bytes[..end.unwrap_or(bytes.len())];
        self.line.extend(text.iter().take(KEPT - self.line.len()));
        self.last = text.last().copied().unwrap_or(self.last);
        let Some(end) = end else { return bytes.len() };
        let bare = self.last != b'\r';
        let line = std::mem::take(&mut self.line);
        self.last = 0;
        let in_head = matches!(self.place, Place::Head);
        let spoilt = in_head && (bare || self.head_line(&line));
        if !in_head {
            self.place = if bare { Place::Lost } else { self.chunk_line(&line) };
        }
        if spoilt {
            bytes[end] = SPOILT;
            self.place = Place::Lost;
        }
        end + 1
    }

    /// Takes a line of a head; whether the head ends here and must not be read.
    fn head_line(&mut self, line: &[u8]) -> bool {
        if line != b"\r" {
            if self.head.begun {
                self.head.field(line);
            }
            self.head.begun = true;
            return false;
        }
        // Empty lines before a request are no part of it.
        let head = std::mem::take(&mut self.head);
        self.place = match (head.length, head.coding) {
            (Some(_), Some(_)) => return true,
            (None | Some(0), None) => Place::Head,
            (Some(length), None) => Place::Body(length),
            (None, Some(true)) => Place::ChunkSize,
            _ => Place::Lost,
        };
        false
    }

    /// What comes after a line between chunks.
    fn chunk_line(&self, line: &[u8]) -> Place {
        match self.place {
            Place::Trailers if line == b"\r" => Place::Head,
            Place::Trailers => Place::Trailers,
            _ => match chunk_size(line) {
                Some(0) => Place::Trailers,
                // And the end of its line.
                Some(size) => size.checked_add(2).map_or(Place::Lost, Place::Chunk),
                None => Place::Lost,
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

    /// What becomes of these bytes, read in pieces of this size.
    fn scanned(text: &str, piece: usize) -> String {
        let (mut scanner, mut bytes) = (HeadScanner::default(), text.as_bytes().to_vec());
        bytes.chunks_mut(piece).for_each(|piece| scanner.scan(piece));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_heads_are_spoilt_however_they_arrive() {
        let length = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\n\nb";
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\n3;x=y\r\n\na\n\r\n0\r\nA: b\r\n\r\n";
        let good = format!("\r\n{length}{chunked}GET / HTTP/1.1\r\n\r\n{chunked}{length}");
        for piece in 1..good.len() {
            assert_eq!(scanned(&good, piece), good);
            for (bad, spoilt) in [
                ("GET / HTTP/1.1\nHost: x\r\n\r\n", "GET / HTTP/1.1\0Host: x\r\n\r\n"),
                ("GET / HTTP/1.1\r\nHost: x\n\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\0\r\n\r\n"),
                ("GET / HTTP/1.1\r\n\n", "GET / HTTP/1.1\r\n\0"),
                (
                    "P / HTTP/1.1\r\nContent-length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "P / HTTP/1.1\r\nContent-length: 3\r\nTransfer-Encoding: chunked\r\n\r\0",
                ),
            ] {
                assert_eq!(scanned(&format!("{good}{bad}"), piece), format!("{good}{spoilt}"));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_scanned_alike_in_one_piece_and_in_many(text in "[A-c0-9:;\r\n ]{0,200}", piece in 1_usize..20) {
            let whole = scanned(&text, 200);
            proptest::prop_assert_eq!(scanned(&text, piece), whole);
        }
    }
}
