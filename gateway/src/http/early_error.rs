//! The error response to a request that hyper could not parse: a problem document, written by hand.

use std::time::Duration;

use contracts::{Code, Fault};
use uuid::Uuid;

use crate::http::access_log::AccessLogEntry;
use crate::http::problem::{document, status};
use crate::http::request_headers::{HEAD_LIMIT, RequestId};

/// The error of a request that could not be parsed.
pub(crate) struct EarlyError {
    fault: Fault,
    request_id: RequestId,
}

impl EarlyError {
    /// Converts hyper's error; `unread` is what it has read and not parsed. `None` if there is nothing to respond to: the
    /// client has gone, or the connection was idle.
    pub(crate) fn from_hyper(error: &hyper::Error, unread: &[u8]) -> Option<Self> {
        // Empty lines before a request are ignored (RFC 9112, section 2.2).
        let unread = unread.trim_ascii_start();
        let (code, message) = if error.is_parse_too_large() {
            too_large(unread)
        } else if error.is_parse_version_h2() {
            (Code::BadRequest, "This is HTTP/2. Use HTTP/1.1.")
        } else if error.is_parse() {
            (Code::BadRequest, "This is not a well-formed HTTP/1.1 request.")
        } else if unread.is_empty() {
            return None;
        } else if error.is_timeout() {
            (Code::RequestTimeout, "The head of the request took too long to arrive.")
        } else if error.is_incomplete_message() {
            (Code::BadRequest, "The head of the request is incomplete.")
        } else {
            return None;
        };
        Some(Self { fault: Fault::new(code, message), request_id: Uuid::now_v7().into() })
    }

    /// The whole response.
    pub(crate) fn response(&self) -> Vec<u8> {
        let request_id = self.request_id.as_str();
        // The path is unknown.
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

/// hyper reports "too large" for a head with too many bytes or headers, for an endless request line, and for an absurd
/// `Content-Length`. In the last case the head is no longer in its buffer.
fn too_large(unread: &[u8]) -> (Code, &'static str) {
    let line = unread.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() >= HEAD_LIMIT {
        (Code::UriTooLong, "The request target is too long.")
    } else if line.windows(8).any(|window| window == b" HTTP/1.") {
        (Code::HeadersTooLarge, "The headers are too large, or there are too many.")
    } else {
        (Code::BodyTooLarge, "The body is too large.")
    }
}
