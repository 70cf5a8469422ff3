//! A row of the route table: the pattern or built-in endpoint behind a path and a method, and its options.

use contracts::{Invalid, Request};
use serde_json::value::RawValue;

use crate::http::static_files::File;
use crate::rate_limit::limit::Limit;
use crate::routing::password_attempt::PasswordAttempt;

/// A route. By default it needs an access token and answers 200 with the reply.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`. A `GET` also serves `HEAD`.
    pub method: &'static str,
    /// The path; `{name}` stands for one segment.
    pub path: &'static str,
    /// What responds.
    pub work: Work,
    /// Where the input comes from.
    pub source: Source,
    /// Whether it needs an access token.
    pub guarded: bool,
    /// Its rate limit.
    pub limit: Option<Limit>,
    /// Whether an `Idempotency-Key` is passed on; otherwise it is ignored.
    pub keyed: bool,
    /// Whether the response contains secrets, which must not be cached.
    pub secret: bool,
    /// What happens to a request if no worker serves its pattern.
    pub unserved: Unserved,
    /// The response of a success.
    pub success: Success,
    /// The pattern that returns a service's inbox entries, if the reply is a history of events to be completed by them.
    pub inbox: Option<&'static str>,
}

/// What responds to a request.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// The workers of a pattern: the request becomes a message.
    Rpc(Rpc),
    /// The gateway itself.
    Builtin(Builtin),
}

/// A call to workers.
#[derive(Debug, Clone, Copy)]
pub struct Rpc {
    /// The pattern.
    pub pattern: &'static str,
    /// Whether it changes nothing, so that it can be repeated.
    pub safe: bool,
    /// Decodes the input by the contract.
    pub decode: Decode,
}

/// Decodes an input, so that an invalid one costs no message. If it contains a password, returns the account, which the rate
/// limits count failed attempts by; the second argument is the caller.
pub type Decode = fn(&RawValue, Option<&str>) -> Result<Option<String>, Invalid>;

/// An endpoint of the gateway itself; implemented in `endpoints/builtin.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// The state of the system: patterns, listeners, relays and databases.
    System,
    /// A static file.
    File(&'static File),
    /// A static file that only a page loads; not part of the contract.
    Part(&'static File),
    /// The public keys that verify access tokens (RFC 7517).
    Keys,
}

/// Where a request's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The JSON body, passed on unchanged.
    Body,
    /// The path's parameters and the query string, as one JSON object.
    Url,
}

/// What happens to a request if no worker serves its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unserved {
    /// It waits for a worker, for `GATEWAY_WAIT_FOR_WORKER_MS`.
    Waits,
    /// It is rejected at once.
    Rejected,
}

/// The response of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 200 and the reply.
    Ok,
    /// 201 and the reply.
    Created,
    /// 204; the reply is not sent.
    NoContent,
    /// 201, the reply, and a `Location`: this path followed by the reply's `id`.
    CreatedAt(&'static str),
    /// 200, the reply's `items` as a bare array, and its `next` as a `Link` (RFC 8288).
    Page,
    /// 200 and an endless stream: first the reply's `items`, which the client has missed, then new events
    /// (`endpoints/event_stream`).
    EventStream,
}

/// A method and a path without an endpoint yet.
#[derive(Debug, Clone, Copy)]
pub struct RouteBuilder {
    method: &'static str,
    path: &'static str,
    source: Source,
}

impl Route {
    /// A `GET`; the input is in the path and the query string.
    pub const fn get(path: &'static str) -> RouteBuilder {
        RouteBuilder { method: "GET", path, source: Source::Url }
    }

    /// A `POST`; the input is the body.
    pub const fn post(path: &'static str) -> RouteBuilder {
        RouteBuilder { method: "POST", path, source: Source::Body }
    }

    /// A `PUT`; the input is the body.
    pub const fn put(path: &'static str) -> RouteBuilder {
        RouteBuilder { method: "PUT", path, source: Source::Body }
    }

    /// A `PATCH`; the input is the body.
    pub const fn patch(path: &'static str) -> RouteBuilder {
        RouteBuilder { method: "PATCH", path, source: Source::Body }
    }

    /// A `DELETE`; the input is in the path and the query string.
    pub const fn delete(path: &'static str) -> RouteBuilder {
        RouteBuilder { method: "DELETE", path, source: Source::Url }
    }

    /// The pattern that it calls, if any.
    pub const fn pattern(&self) -> Option<&'static str> {
        match self.work {
            Work::Rpc(rpc) => Some(rpc.pattern),
            Work::Builtin(_) => None,
        }
    }

    /// Every pattern that it calls: its own, and the one that completes the reply.
    pub fn patterns(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.pattern().into_iter().chain(self.inbox)
    }

    /// Whether `GATEWAY_PUBLIC_SYSTEM` determines if it needs an access token.
    pub const fn is_public_by_setting(&self) -> bool {
        matches!(self.work, Work::Builtin(Builtin::System))
    }

    /// Needs no access token.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { guarded: false, ..self }
    }

    /// Has a rate limit.
    #[must_use]
    pub const fn limited(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Passes an `Idempotency-Key` on.
    #[must_use]
    pub const fn keyed(self) -> Self {
        Self { keyed: true, ..self }
    }

    /// Responds with secrets: `Cache-Control: no-store`.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Completes the reply, a history of events, by the inbox entries of a service.
    #[must_use]
    pub const fn completed_by<R: Request>(self) -> Self {
        Self { inbox: Some(R::PATTERN), ..self }
    }

    /// Does not wait for a worker, because its clients retry by themselves.
    #[must_use]
    pub const fn without_waiting(self) -> Self {
        Self { unserved: Unserved::Rejected, ..self }
    }

    /// Sets the response of a success.
    #[must_use]
    pub const fn answers(self, success: Success) -> Self {
        Self { success, ..self }
    }
}

impl RouteBuilder {
    /// Calls the pattern of a request.
    pub const fn calls<R: Request>(self) -> Route {
        self.call::<R>(|input, _| R::decode(input).map(|_| None))
    }

    /// The same for a request that contains a password.
    pub const fn tries_password<R: PasswordAttempt>(self) -> Route {
        self.call::<R>(|input, caller| R::decode(input).map(|message| message.account(caller)))
    }

    const fn call<R: Request>(self, decode: Decode) -> Route {
        self.with(Work::Rpc(Rpc { pattern: R::PATTERN, safe: R::SAFE, decode }))
    }

    /// Serves a built-in endpoint.
    pub const fn serves(self, builtin: Builtin) -> Route {
        self.with(Work::Builtin(builtin))
    }

    const fn with(self, work: Work) -> Route {
        Route {
            method: self.method,
            path: self.path,
            work,
            source: self.source,
            guarded: true,
            limit: None,
            keyed: false,
            secret: false,
            unserved: Unserved::Waits,
            success: Success::Ok,
            inbox: None,
        }
    }
}
