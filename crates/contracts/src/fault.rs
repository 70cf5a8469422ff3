//! Errors that a caller can act on: a stable code, a sentence, and the invalid fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

/// Why a request was rejected or failed. Clients compare the snake_case name. Frozen: never rename one.
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
    /// The body is larger than the gateway accepts.
    BodyTooLarge,
    /// The head of the HTTP message is larger than the gateway accepts.
    HeadersTooLarge,
    /// The request target is longer than the gateway accepts.
    UriTooLong,
    /// The client took too long to send its request.
    RequestTimeout,
    /// The body is in a transfer coding that the gateway does not understand.
    UnsupportedTransferCoding,
    /// There is no such path.
    RouteNotFound,
    /// The path does not support this method.
    MethodNotAllowed,
    /// No access token was sent.
    MissingToken,
    /// The access token is malformed, has a wrong signature, or is not for this service.
    InvalidToken,
    /// The access token was valid and has expired.
    SessionExpired,
    /// The refresh token is unknown or was used before, or its session has ended.
    SessionEnded,
    /// The caller has no such session, or it has ended.
    SessionNotFound,
    /// The e-mail address and the password do not match.
    InvalidCredentials,
    /// The caller may not do this.
    PermissionDenied,
    /// The user does not exist.
    UserNotFound,
    /// The order does not exist.
    OrderNotFound,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The idempotency key was used before with another payload.
    IdempotencyKeyReused,
    /// The request has the identity of another one with a different payload or caller. Not executed.
    MessageIdReused,
    /// The packet names another pattern than the queue it was sent to. Not executed.
    WrongPattern,
    /// A request with the same idempotency key is still in progress.
    IdempotencyKeyInUse,
    /// No worker serves this pattern at the moment. Not executed.
    ServiceUnavailable,
    /// The service cannot reach its database. Not executed.
    DatabaseUnavailable,
    /// The database is busy: a lock is held, or the load is too high. Not executed.
    DatabaseBusy,
    /// The gateway cannot reach the broker. Not executed.
    BrokerUnavailable,
    /// The user has too many live feeds open.
    TooManyStreams,
    /// Too many requests of this kind came from one address, or too many sign-ins failed. Not executed.
    TooManyRequests,
    /// Too many requests of this kind are in flight. Not executed.
    Overloaded,
    /// There was no reply in time, or the connection broke: the request may have been executed.
    OutcomeUnknown,
    /// The service's reply does not match its contract: the request may have been executed.
    BadReply,
    /// A bug or a failure on the server's side.
    Internal,
}

impl Code {
    /// The name that clients and logs use; the same as the serialised form.
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

/// An error as it is sent in the `err` of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// One sentence for a person.
    pub message: String,
    /// The problems of each field; only with [`Code::InvalidInput`].
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
        // Some clients show only the message.
        let message = errors.first().unwrap_or_else(|| "The input breaks a rule.".into());
        Self { code: Code::InvalidInput, message, errors }
    }
}

/// The problems of an input by field. The field `body` stands for the whole input.
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

    /// The names of the invalid fields, sorted.
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
    fn the_message_of_invalid_input_is_that_of_the_first_field() {
        let mut errors = Invalid::field("title", "is required: add it");
        errors.add("price", "must be a number");
        assert_eq!(Fault::from(errors).message, "price must be a number.");
        assert_eq!(
            Fault::from(Invalid::field("body", "must be a JSON object")).message,
            "The body must be a JSON object."
        );
    }

    #[test]
    fn a_fault_survives_the_round_trip() {
        for code in [Code::EmailTaken, Code::IdempotencyKeyInUse, Code::MalformedJson, Code::Internal, Code::UriTooLong]
        {
            let fault = Fault { code, message: "m".into(), errors: Invalid::field("f", "is wrong") };
            let text = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
        }
    }
}
