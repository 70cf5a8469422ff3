//! Header tables as bytes: keeps the entries that are safe for a recursive parser that expects UTF-8.

use crate::headers::{
    ATTEMPTS, CALLER, DEADLINE, DEATH, FIRST_ERROR, IDEMPOTENCY_KEY, LAST_ERROR, OWNER, REASON, REQUEST_ID, TRACEPARENT,
};

/// Entries that are nested deeper than this are removed.
const DEEPEST: usize = 8;

/// Our own headers. A message that loses one of them has another meaning, so it must be refused. Foreign headers are removed
/// silently.
const OURS: [&str; 12] = [
    CALLER,
    DEADLINE,
    "budget-ms",
    REQUEST_ID,
    IDEMPOTENCY_KEY,
    TRACEPARENT,
    OWNER,
    ATTEMPTS,
    REASON,
    FIRST_ERROR,
    LAST_ERROR,
    DEATH,
];
pub(crate) const MALFORMED: &str = "its headers are malformed";

/// The entries of a table that are kept.
pub(crate) struct Table<'t> {
    entries: Vec<&'t [u8]>,
    /// Why the message must be refused.
    pub(crate) unreadable: Option<String>,
}

impl<'t> Table<'t> {
    /// Keeps the entries that are valid and, ours first, fit into `budget` bytes.
    pub(crate) fn within(table: &'t [u8], budget: usize) -> Self {
        let mut unreadable = None;
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        let mut rest = table;
        while !rest.is_empty() {
            let Some((name, length)) = entry(rest) else {
                unreadable = Some(MALFORMED.to_owned());
                break;
            };
            let (bytes, after) = rest.split_at(length);
            rest = after;
            let sound = is_sound(bytes, name);
            match OURS.iter().find(|known| known.as_bytes() == name) {
                // The broker would read the first one, and the library the last.
                Some(known) if ours.iter().any(|(name, _)| name == known) => {
                    unreadable = Some(format!("its header {known} comes twice"));
                }
                Some(known) if sound => ours.push((*known, bytes)),
                Some(known) => unreadable = Some(format!("its header {known} is malformed")),
                None if sound => others.push(bytes),
                None => {}
            }
        }
        let (mut entries, mut left) = (Vec::with_capacity(ours.len() + others.len()), budget);
        for (name, bytes) in ours {
            if bytes.len() <= left {
                left -= bytes.len();
                entries.push(bytes);
            } else {
                unreadable = Some(format!("its header {name} is too large"));
            }
        }
        if death_is_lost(table, &entries) {
            unreadable = Some(format!("its header {DEATH} is malformed"));
        }
        for bytes in others {
            if bytes.len() <= left {
                left -= bytes.len();
                entries.push(bytes);
            }
        }
        Self { entries, unreadable }
    }

    /// Encodes the table, with the reason why it is unreadable under the name `mark`.
    pub(crate) fn encode(&self, mark: &str) -> Vec<u8> {
        let mut bytes = self.entries.concat();
        if let Some(why) = &self.unreadable {
            bytes.push(u8::try_from(mark.len()).unwrap_or(0));
            bytes.extend_from_slice(mark.as_bytes());
            bytes.push(b'S');
            bytes.extend_from_slice(&u32::try_from(why.len()).unwrap_or(0).to_be_bytes());
            bytes.extend_from_slice(why.as_bytes());
        }
        bytes
    }
}

/// Whether the table has an `x-death` header that the broker may read and that was not kept.
fn death_is_lost(table: &[u8], kept: &[&[u8]]) -> bool {
    let deaths = |mut rest: &[u8]| {
        let mut deaths = 0;
        while let Some((name, length)) = entry(rest) {
            deaths += usize::from(name == DEATH.as_bytes());
            rest = &rest[length..];
        }
        deaths
    };
    let kept = kept.iter().filter(|bytes| deaths(bytes) > 0).count();
    deaths(table) > kept
}

/// The length of a table or of long text, with the four bytes of its length; `None` if it is cut short.
pub(crate) fn long(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?.checked_add(4)?;
    (length <= bytes.len()).then_some(length)
}

/// The name of the first entry and the entry's length.
fn entry(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let name = bytes.get(1..1 + usize::from(*bytes.first()?))?;
    let value = 1 + name.len();
    Some((name, value + value_length(&bytes[value..])?))
}

/// The length of a value with its type. The types are RabbitMQ's, which differ from the specification's.
fn value_length(bytes: &[u8]) -> Option<usize> {
    let length = 1 + match bytes.first()? {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'u' | b'U' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'l' | b'L' | b'd' | b'T' => 8,
        b'S' | b'x' | b'A' | b'F' => long(&bytes[1..])?,
        _ => return None,
    };
    (length <= bytes.len()).then_some(length)
}

fn is_sound(entry: &[u8], name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok() && is_sound_value(&entry[1 + name.len()..], DEEPEST)
}

/// Whether a value can be parsed without nesting deeper than `levels`.
fn is_sound_value(value: &[u8], levels: usize) -> bool {
    let is_table = match value.first() {
        Some(b'F') => true,
        Some(b'A') => false,
        _ => return true,
    };
    let (Some(levels), Some(mut rest)) = (levels.checked_sub(1), value.get(5..)) else { return false };
    while !rest.is_empty() {
        let named = if is_table { entry(rest) } else { value_length(rest).map(|length| (&rest[..0], length)) };
        let Some((name, length)) = named else { return false };
        let value = if is_table { &rest[1 + name.len()..length] } else { &rest[..length] };
        if std::str::from_utf8(name).is_err() || !is_sound_value(value, levels) {
            return false;
        }
        rest = &rest[length..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(name.len()).unwrap()];
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'S');
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(value);
        bytes
    }

    fn nested(levels: usize) -> Vec<u8> {
        let mut value = vec![b'V'];
        for _ in 0..levels {
            let mut outer = vec![b'A'];
            outer.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
            outer.extend(value);
            value = outer;
        }
        [b"\x01n", &value[..]].concat()
    }

    #[test]
    fn valid_small_tables_stay_byte_for_byte() {
        let table = [text("caller", b"u-1"), text("x", b"\xff\xfe"), nested(8), b"\x01v\x56".to_vec()].concat();
        let kept = Table::within(&table, 1_000);
        assert_eq!(kept.unreadable, None);
        // Ours come first; here they already do.
        assert_eq!(kept.encode("why"), table);
    }

    #[test]
    fn foreign_headers_that_are_too_large_or_too_deep_are_removed() {
        let caller = text("caller", b"u-1");
        for odd in [text("x-baggage", &vec![b'x'; 20_000]), nested(9), nested(20_000), b"\x01\xffV".to_vec()] {
            let table = [odd, caller.clone()].concat();
            let kept = Table::within(&table, 7_000);
            assert_eq!((kept.encode("why"), kept.unreadable), (caller.clone(), None));
        }
    }

    #[test]
    fn a_message_that_loses_one_of_our_headers_is_marked_unreadable() {
        let large = text("caller", &vec![b'x'; 20_000]);
        let malformed = [b"\x06caller", &nested(9)[2..]].concat();
        for (table, why) in [
            (large, "its header caller is too large"),
            (malformed, "its header caller is malformed"),
            (b"\x03abc?".to_vec(), "its headers are malformed"),
            (b"\x03abcS\0\0\0\x09x".to_vec(), "its headers are malformed"),
            (b"\xff".to_vec(), "its headers are malformed"),
        ] {
            let kept = Table::within(&table, 7_000);
            assert_eq!(kept.unreadable.as_deref(), Some(why));
            assert_eq!(kept.encode("why"), text("why", why.as_bytes()));
        }
    }
}
