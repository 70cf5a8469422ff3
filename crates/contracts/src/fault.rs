//! What went wrong, in words a caller can act on: a stable code, a sentence, and the fields at fault.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// Why a request was refused or failed. The snake_case name is what clients compare with. Frozen: never rename one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The HTTP message itself is malformed.
    BadRequest,
    /// The body is not JSON.
    MalformedJson,
    /// The input is well-formed but breaks a rule; `errors` names the fields.
    InvalidInput,
    /// The body is not declared as `application/json`.
    UnsupportedMediaType,
    /// The body is larger than the gateway takes.
    BodyTooLarge,
    /// The head of the HTTP message is larger than the gateway takes.
    HeadersTooLarge,
    /// The request target is longer than the gateway takes.
    UriTooLong,
    /// The client took too long to send its request.
    RequestTimeout,
    /// The body is in a transfer coding that the gateway does not understand.
    UnsupportedTransferCoding,
    /// No such path.
    RouteNotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// No access token was sent.
    MissingToken,
    /// The access token is malformed, has a wrong signature, or is not for us.
    InvalidToken,
    /// The access token was good once and has expired.
    SessionExpired,
    /// The refresh token is unknown, or was used before, or its session has ended.
    SessionEnded,
    /// The caller has no such session, or it has ended.
    SessionNotFound,
    /// E-mail address and password do not belong together.
    InvalidCredentials,
    /// The caller may not do this.
    PermissionDenied,
    /// The user does not exist (any more).
    UserNotFound,
    /// The order does not exist.
    OrderNotFound,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The idempotency key was used before with another payload.
    IdempotencyKeyReused,
    /// The request has the identity of another one, whose payload or caller is not the same. Not executed.
    MessageIdReused,
    /// The packet asks for another pattern than the one whose queue it was put into. Not executed.
    WrongPattern,
    /// A request with the same idempotency key is still being worked on.
    IdempotencyKeyInUse,
    /// Nobody serves this pattern just now. Not executed.
    ServiceUnavailable,
    /// The service cannot reach its database. Not executed.
    DatabaseUnavailable,
    /// The database is busy with something else: a lock, or too much at once. Not executed.
    DatabaseBusy,
    /// The gateway cannot reach the broker. Not executed.
    BrokerUnavailable,
    /// The user follows too many live feeds at once.
    TooManyStreams,
    /// Too many requests of this kind came from one place, or too many sign-ins failed. Not executed.
    TooManyRequests,
    /// Too many requests of this kind are in flight. Not executed.
    Overloaded,
    /// No answer in time, or the line dropped: the work may have been done.
    OutcomeUnknown,
    /// The service answered with something that is not what its contract says: the work may have been done.
    BadReply,
    /// A bug or a breakage on our side.
    Internal,
}

impl Code {
    /// The name by which clients and logs know it; the same that it is serialised as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::MalformedJson => "malformed_json",
            Self::InvalidInput => "invalid_input",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BodyTooLarge => "body_too_large",
            Self::HeadersTooLarge => "headers_too_large",
            Self::UriTooLong => "uri_too_long",
            Self::RequestTimeout => "request_timeout",
            Self::UnsupportedTransferCoding => "unsupported_transfer_coding",
            Self::RouteNotFound => "route_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::MissingToken => "missing_token",
            Self::InvalidToken => "invalid_token",
            Self::SessionExpired => "session_expired",
            Self::SessionEnded => "session_ended",
            Self::SessionNotFound => "session_not_found",
            Self::InvalidCredentials => "invalid_credentials",
            Self::PermissionDenied => "permission_denied",
            Self::UserNotFound => "user_not_found",
            Self::OrderNotFound => "order_not_found",
            Self::EmailTaken => "email_taken",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::MessageIdReused => "message_id_reused",
            Self::WrongPattern => "wrong_pattern",
            Self::IdempotencyKeyInUse => "idempotency_key_in_use",
            Self::ServiceUnavailable => "service_unavailable",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::DatabaseBusy => "database_busy",
            Self::BrokerUnavailable => "broker_unavailable",
            Self::TooManyStreams => "too_many_streams",
            Self::TooManyRequests => "too_many_requests",
            Self::Overloaded => "overloaded",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::BadReply => "bad_reply",
            Self::Internal => "internal",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal or failure as it travels in the `err` of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// Field → what is wrong with it; only with [`Code::InvalidInput`].
    #[serde(default, skip_serializing_if = "Invalid::is_empty")]
    pub errors: Invalid,
}

impl Fault {
    /// A fault without field errors.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: Invalid::default() }
    }
}

impl From<Invalid> for Fault {
    fn from(errors: Invalid) -> Self {
        // Some clients show nothing else.
        let message = errors.first().unwrap_or_else(|| "The input breaks a rule.".into());
        Self { code: Code::InvalidInput, message, errors }
    }
}

/// Field → messages: everything that is wrong with an input. The whole input is the field named `body`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Invalid(BTreeMap<String, Vec<String>>);

impl Invalid {
    /// An input with one error.
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(name, message);
        errors
    }

    /// Adds an error.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.entry(field.to_owned()).or_default().push(message.into());
    }

    /// The names of the fields at fault, sorted.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The first field's error, as a sentence.
    fn first(&self) -> Option<String> {
        let (field, problems) = self.0.first_key_value()?;
        let subject = if field == "body" { "The body" } else { field };
        Some(format!("{subject} {}.", problems.first()?))
    }

    /// Whether there are no errors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_of_invalid_input_is_the_first_fields_own() {
        let mut errors = Invalid::field("title", "is required: add it");
        errors.add("price", "must be a number");
        assert_eq!(Fault::from(errors).message, "price must be a number.");
        assert_eq!(
            Fault::from(Invalid::field("body", "must be a JSON object")).message,
            "The body must be a JSON object."
        );
    }

    #[test]
    fn a_fault_reads_back_as_it_was_written() {
        for code in [Code::EmailTaken, Code::IdempotencyKeyInUse, Code::MalformedJson, Code::Internal, Code::UriTooLong]
        {
            let fault = Fault { code, message: "m".into(), errors: Invalid::field("f", "is wrong") };
            let text = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
        }
    }
}
