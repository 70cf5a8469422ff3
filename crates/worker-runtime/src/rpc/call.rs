//! A request as its handler sees it: decoded, validated, with its caller.

use std::time::Instant;

use amqp::{Deadline, RequestMetadata};
use contracts::{Code, Event, Fault, Request};
use uuid::Uuid;

use crate::failure::Failure;
use crate::outbox::record::OutboxRecord;

/// A request to handle.
pub struct Call<R: Request> {
    /// The message.
    pub data: R,
    /// The request's identity, the same at each delivery. Key the effect by it, so that a redelivery has no second
    /// effect.
    pub id: Uuid,
    /// The client's own key that marks repetitions of one request.
    pub idempotency_key: Option<String>,
    /// The caller's session, if the token names one.
    pub session: Option<Uuid>,
    caller: Option<String>,
    request_id: String,
    traceparent: Option<String>,
    deadline: Deadline,
}

impl<R: Request> Call<R> {
    pub(crate) fn new(data: R, meta: RequestMetadata) -> Self {
        let RequestMetadata {
            message_id: id, request_id, caller, session, idempotency_key, traceparent, deadline, ..
        } = meta;
        Self { data, id, idempotency_key, session, caller, request_id, traceparent, deadline }
    }

    /// The event that this request causes, to be recorded by the same statement as its effect: see [`record!`].
    ///
    /// [`record!`]: crate::record
    pub fn event<E: Event>(&self, event: &E) -> Result<OutboxRecord, Failure> {
        OutboxRecord::new(event, &self.request_id, self.traceparent.as_deref())
    }

    /// When the caller stops waiting. Check it before starting long work.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.deadline.remaining()
    }

    /// The user who makes the request; an error if the request names none.
    pub fn caller(&self) -> Result<&str, Failure> {
        let refusal = || Fault::new(Code::MissingToken, "This needs a signed-in user: the request names no caller.");
        self.caller.as_deref().ok_or_else(|| refusal().into())
    }
}
