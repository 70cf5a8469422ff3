//! The last word on a connection whose request hyper could not read: a problem like any other, written by hand.

use std::time::Duration;

use contracts::{Code, Fault};
use uuid::Uuid;

use crate::http::access_log::AccessLogEntry;
use crate::http::problem::{document, status};
use crate::http::request_headers::{HEAD_LIMIT, RequestId};

/// A request that never became one.
pub(crate) struct EarlyError {
    fault: Fault,
    request_id: RequestId,
}

impl EarlyError {
    /// What to say about hyper's error; `unread` is what it had read and not understood. `None` when there is nobody
    /// to tell, or nothing to say: a client that went away, an idle connection that was kept long enough.
    pub(crate) fn because(error: &hyper::Error, unread: &[u8]) -> Option<Self> {
        // Empty lines before a request are no part of it (RFC 9112, section 2.2).
        let unread = unread.trim_ascii_start();
        let (code, message) = if error.is_parse_too_large() {
            too_large(unread)
        } else if error.is_parse_version_h2() {
            (Code::BadRequest, "This is HTTP/2; speak HTTP/1.1.")
        } else if error.is_parse() {
            (Code::BadRequest, "This is no well-formed HTTP/1.1 request.")
        } else if unread.is_empty() {
            return None;
        } else if error.is_timeout() {
            (Code::RequestTimeout, "The head of the request took too long to arrive.")
        } else if error.is_incomplete_message() {
            (Code::BadRequest, "The head of the request was cut short.")
        } else {
            return None;
        };
        Some(Self { fault: Fault::new(code, message), request_id: Uuid::now_v7().into() })
    }

    /// The response, from its first byte to its last.
    pub(crate) fn response(&self) -> Vec<u8> {
        let request_id = self.request_id.as_str();
        // The address is not known, or not to be trusted.
        let body = document(&self.fault, "/", request_id);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&jiff::Timestamp::now())
            .unwrap_or_default();
        let mut response = format!(
            "HTTP/1.1 {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nx-request-id: {request_id}\r\n\
             date: {date}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
            status(self.fault.code),
            body.len(),
        )
        .into_bytes();
        response.extend_from_slice(&body);
        response
    }

    pub(crate) fn log(&self) {
        AccessLogEntry {
            method: "",
            route: None,
            pattern: None,
            quiet: false,
            status: status(self.fault.code),
            took: Duration::ZERO,
            request_id: self.request_id.as_str(),
            code: Some(self.fault.code),
            cause: None,
        }
        .write();
    }
}

/// hyper says "too large" of a head with too many bytes or headers, of an endless request line, and of an absurd
/// `Content-Length`. In the last case it has taken the head out of its buffer by then.
fn too_large(unread: &[u8]) -> (Code, &'static str) {
    let line = unread.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() >= HEAD_LIMIT {
        (Code::UriTooLong, "The address is too long.")
    } else if line.windows(8).any(|window| window == b" HTTP/1.") {
        (Code::HeadersTooLarge, "The headers are too large or too many.")
    } else {
        (Code::BodyTooLarge, "No body may be that large.")
    }
}
