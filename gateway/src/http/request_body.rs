//! Reads a request's body within limits of size and time, and discards what is left of it.

use std::sync::Arc;
use std::time::Duration;

use contracts::Code;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{EXPECT, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use tokio::time::timeout;

use crate::http::open_connections::Activity;
use crate::http::problem::HttpError;

/// The limits of a body.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes.
    pub size: usize,
    /// From now to its last byte.
    pub time: Duration,
}

/// The body of one request.
pub(crate) struct RequestBody {
    incoming: Incoming,
    bounds: Bounds,
    /// The activity of its connection.
    activity: Option<Arc<Activity>>,
    /// Whether the rest must not be read: the client waits for 100 Continue before it sends it, or reading has failed.
    abandoned: bool,
}

impl RequestBody {
    /// A body that is not read yet.
    pub(crate) fn new(incoming: Incoming, head: &Parts, bounds: Bounds) -> Self {
        let activity = head.extensions.get().cloned();
        Self { incoming, bounds, activity, abandoned: head.headers.contains_key(EXPECT) }
    }

    /// Rejects a body with ambiguous framing, whose end a proxy might see elsewhere (RFC 9112, section 6).
    pub(crate) fn check(&mut self, headers: &HeaderMap) -> Result<(), HttpError> {
        let checked = framing(headers);
        self.abandoned |= checked.is_err();
        checked
    }

    /// Reads the whole body.
    pub(crate) async fn read(&mut self) -> Result<Bytes, HttpError> {
        if let Some(activity) = &self.activity {
            activity.waits_for_client();
        }
        let read = self.read_all().await;
        if let Some(activity) = &self.activity {
            activity.busy();
        }
        read
    }

    async fn read_all(&mut self) -> Result<Bytes, HttpError> {
        let Bounds { size, time } = self.bounds;
        let read = timeout(time, collect(&mut self.incoming, size)).await;
        let error = match read {
            Ok(Ok(bytes)) => {
                self.abandoned = false;
                return Ok(bytes);
            }
            Ok(Err(error)) => error,
            Err(_) => HttpError::new(Code::RequestTimeout, "The body took too long to arrive."),
        };
        self.abandoned = true;
        Err(error)
    }

    /// What is left of the body after the request is answered.
    pub(crate) fn rest(&self) -> Rest {
        let announced = usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX);
        match self.incoming.is_end_stream() {
            true => Rest::Nothing,
            false if self.abandoned || announced > self.bounds.size => Rest::TooMuch,
            false => Rest::Some,
        }
    }

    /// Reads and discards what is left of the body, because the next request follows it. If it takes too long or is too
    /// large, the connection closes.
    pub(crate) async fn discard(mut self) {
        drop(self.read_all().await);
    }
}

/// What is left of a body after its request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    Nothing,
    /// It can be discarded while the client reads the response.
    Some,
    /// It cannot be discarded: the connection must close.
    TooMuch,
}

fn framing(headers: &HeaderMap) -> Result<(), HttpError> {
    let mut chunked = 0;
    for coding in
        headers.get_all(TRANSFER_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
    {
        match coding.trim_ascii() {
            b"" => {}
            coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
            _ => {
                let message = "Only the transfer coding chunked is supported.";
                return Err(HttpError::new(Code::UnsupportedTransferCoding, message));
            }
        }
    }
    if chunked > 1 {
        return Err(HttpError::new(Code::BadRequest, "Send Transfer-Encoding: chunked once."));
    }
    Ok(())
}

async fn collect(incoming: &mut Incoming, limit: usize) -> Result<Bytes, HttpError> {
    let too_large = || HttpError::new(Code::BodyTooLarge, &format!("The body is larger than {limit} bytes."));
    let announced = incoming.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    // Most bodies arrive in one piece, which is used without a copy.
    let mut pieces: Vec<u8> = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| HttpError::new(Code::BadRequest, "The body is malformed or incomplete."))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len().max(pieces.len()) + data.len() > limit {
            return Err(too_large());
        }
        if first.is_empty() {
            first = data;
        } else {
            if pieces.is_empty() {
                pieces.extend_from_slice(&first);
            }
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { first } else { pieces.into() })
}
