//! Reads a request's body within its bounds of size and time, and sees to what is left of it.

use std::time::Duration;

use contracts::Code;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::EXPECT;
use tokio::time::timeout;

use crate::problem::Refusal;

/// How large a body may be and how long it may take.
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
    /// Whether the rest is better left where it is: the client waits for our word before it sends it, or reading it
    /// has failed once.
    leave: bool,
}

impl RequestBody {
    /// A body of which nothing is read yet.
    pub(crate) fn new(incoming: Incoming, headers: &HeaderMap, bounds: Bounds) -> Self {
        Self { incoming, bounds, leave: headers.contains_key(EXPECT) }
    }

    /// The whole body.
    pub(crate) async fn read(&mut self) -> Result<Bytes, Refusal> {
        let Bounds { size, time } = self.bounds;
        let read = timeout(time, collect(&mut self.incoming, size)).await;
        let refusal = match read {
            Ok(Ok(bytes)) => {
                self.leave = false;
                return Ok(bytes);
            }
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::new(Code::RequestTimeout, "The body took too long to arrive."),
        };
        self.leave = true;
        Err(refusal)
    }

    /// Reads away what is left of a body that nobody wanted, for the next request comes after it. False when that
    /// would take too long: then the connection must close.
    pub(crate) async fn settle(&mut self) -> bool {
        if self.incoming.is_end_stream() {
            return true;
        }
        !self.leave && self.read().await.is_ok()
    }
}

async fn collect(incoming: &mut Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(Code::BodyTooLarge, &format!("The body is larger than {limit} bytes."));
    let announced = incoming.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    // Most bodies arrive in one piece, which is then used where it lies.
    let mut pieces: Vec<u8> = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| Refusal::new(Code::BadRequest, "The body is broken or was cut short."))?;
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
