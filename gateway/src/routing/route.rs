//! A row of the table: what a request to one path and method asks, of whom, and how its answer looks.

use contracts::{Invalid, Request};
use serde_json::value::RawValue;

use crate::http::static_files::File;
use crate::rate_limit::limit::Limit;
use crate::routing::password_attempt::PasswordAttempt;

/// One route. Unless its row says otherwise it needs an access token and answers 200 with the reply.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`. A `GET` also serves `HEAD`.
    pub method: &'static str,
    /// The path; `{name}` stands for one segment.
    pub path: &'static str,
    /// Who has the answer.
    pub work: Work,
    /// Where the input comes from.
    pub source: Source,
    /// Whether only the holder of an access token may ask.
    pub guarded: bool,
    /// Whether it is counted how often somebody asks.
    pub limit: Option<Limit>,
    /// Whether an `Idempotency-Key` is passed on; elsewhere it is ignored.
    pub keyed: bool,
    /// Whether the answer holds secrets, which no cache may keep.
    pub secret: bool,
    /// What becomes of a request while nobody serves its pattern.
    pub unserved: Unserved,
    /// How a success looks.
    pub success: Success,
    /// The pattern by which a service tells what its listeners have applied, where the reply is the history of events.
    pub inbox: Option<&'static str>,
}

/// Who has the answer to a request.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// The workers of a pattern: the request becomes a message.
    Ask(Ask),
    /// The gateway itself.
    Builtin(Builtin),
}

/// What is asked of workers.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The pattern.
    pub pattern: &'static str,
    /// Whether asking twice is as good as asking once.
    pub safe: bool,
    /// Decodes the input by the contract.
    pub decode: Decode,
}

/// Decodes an input, so that an invalid one costs no message. Where it tries the password of an account, perhaps of the
/// caller's, it says whose: the limits count failed tries by that.
pub type Decode = fn(&RawValue, Option<&str>) -> Result<Option<String>, Invalid>;

/// What the gateway answers from its own knowledge; `endpoints/builtin.rs` says how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// Which patterns there are, who serves each, and how busy they are.
    System,
    /// A file as it stands.
    File(&'static File),
    /// A file that is of no use but to the page that loads it, and so no part of the contract.
    Part(&'static File),
    /// The public keys that verify access tokens (RFC 7517).
    Keys,
}

/// Where a request's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The JSON body, passed on as it came.
    Body,
    /// The path's parameters and the query, as one JSON object.
    Address,
}

/// What becomes of a request while nobody serves its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unserved {
    /// It waits for a worker, as long as `GATEWAY_WAIT_FOR_WORKER_MS` says.
    Waits,
    /// It is refused at once.
    Refused,
}

/// How a success looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 200 and the reply.
    Ok,
    /// 201 and the reply.
    Created,
    /// 204; what the reply says is of no interest to an HTTP client.
    NoContent,
    /// 201, the reply, and a `Location`: this path followed by the reply's `id`.
    CreatedAt(&'static str),
    /// 200, the reply's `items` as a bare array, and its `next` as a `Link` (RFC 8288).
    Page,
    /// 200 and a stream without end: the reply's `items`, for a client that missed some, then what comes (`endpoints/event_stream`).
    LiveSubscription,
}

/// A method and a path that do not ask anything yet.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    method: &'static str,
    path: &'static str,
    source: Source,
}

impl Route {
    /// Reads something; the input is in the path and the query.
    pub const fn get(path: &'static str) -> Address {
        Address { method: "GET", path, source: Source::Address }
    }

    /// Does something; the input is the body.
    pub const fn post(path: &'static str) -> Address {
        Address { method: "POST", path, source: Source::Body }
    }

    /// Sets something; the input is the body.
    pub const fn put(path: &'static str) -> Address {
        Address { method: "PUT", path, source: Source::Body }
    }

    /// Changes a part of something; the input is the body.
    pub const fn patch(path: &'static str) -> Address {
        Address { method: "PATCH", path, source: Source::Body }
    }

    /// Ends something; the input is in the path and the query.
    pub const fn delete(path: &'static str) -> Address {
        Address { method: "DELETE", path, source: Source::Address }
    }

    /// The pattern it asks, if it asks one.
    pub const fn pattern(&self) -> Option<&'static str> {
        match self.work {
            Work::Ask(ask) => Some(ask.pattern),
            Work::Builtin(_) => None,
        }
    }

    /// Every pattern it asks: its own, and the one that completes the reply.
    pub fn patterns(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.pattern().into_iter().chain(self.inbox)
    }

    /// Whether `GATEWAY_PUBLIC_SYSTEM` decides if it needs an access token.
    pub const fn is_public_by_setting(&self) -> bool {
        matches!(self.work, Work::Builtin(Builtin::System))
    }

    /// Needs no access token.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { guarded: false, ..self }
    }

    /// Counts how often somebody asks, and lets nobody ask too often.
    #[must_use]
    pub const fn limited(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Passes an `Idempotency-Key` on.
    #[must_use]
    pub const fn keyed(self) -> Self {
        Self { keyed: true, ..self }
    }

    /// Answers with secrets: `Cache-Control: no-store`.
    #[must_use]
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Completes the reply, the history of events, by what the listeners of a service have applied.
    #[must_use]
    pub const fn completed_by<R: Request>(self) -> Self {
        Self { inbox: Some(R::PATTERN), ..self }
    }

    /// Waits for no worker: who asks comes again by himself.
    #[must_use]
    pub const fn at_once(self) -> Self {
        Self { unserved: Unserved::Refused, ..self }
    }

    /// Answers a success in this way.
    #[must_use]
    pub const fn answers(self, success: Success) -> Self {
        Self { success, ..self }
    }
}

impl Address {
    /// Asks the pattern of a contract.
    pub const fn asks<R: Request>(self) -> Route {
        self.ask::<R>(|input, _| R::decode(input).map(|_| None))
    }

    /// The same where the message tries the password of an account.
    pub const fn tries_password<R: PasswordAttempt>(self) -> Route {
        self.ask::<R>(|input, caller| R::decode(input).map(|message| message.account(caller)))
    }

    const fn ask<R: Request>(self, decode: Decode) -> Route {
        self.works(Work::Ask(Ask { pattern: R::PATTERN, safe: R::SAFE, decode }))
    }

    /// Shows what the gateway itself knows.
    pub const fn shows(self, own: Builtin) -> Route {
        self.works(Work::Builtin(own))
    }

    const fn works(self, work: Work) -> Route {
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
