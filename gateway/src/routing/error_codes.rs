//! The error codes of each route, for the published contract.

use contracts::Code;

use crate::routing::route::{Route, Source, Success, Work};

/// The codes of hyper and of the checks before any route.
const ANY: [Code; 6] = [
    Code::BadRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::RequestTimeout,
    Code::UnsupportedTransferCoding,
    Code::Internal,
];
/// The codes of authentication.
const GUARDED: [Code; 3] = [Code::MissingToken, Code::InvalidToken, Code::SessionExpired];
/// The codes of reading a body.
const BODY: [Code; 3] = [Code::MalformedJson, Code::BodyTooLarge, Code::UnsupportedMediaType];
/// The codes of a call to any pattern.
const RPC: [Code; 7] = [
    Code::BadReply,
    Code::InvalidInput,
    Code::ServiceUnavailable,
    Code::DatabaseUnavailable,
    Code::DatabaseBusy,
    Code::BrokerUnavailable,
    Code::OutcomeUnknown,
];

impl Route {
    /// The codes that any route of this kind may answer with, without those of its pattern.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = ANY.to_vec();
        codes.push(Code::Overloaded);
        if self.guarded || self.is_public_by_setting() {
            codes.extend(GUARDED);
        }
        if let Work::Rpc(_) = self.work {
            codes.extend(RPC);
            if self.source == Source::Body {
                codes.extend(BODY);
            }
        }
        if self.success == Success::EventStream {
            codes.push(Code::TooManyStreams);
        }
        if self.limit.is_some() {
            codes.push(Code::TooManyRequests);
        }
        if self.path.contains('{') {
            codes.push(Code::RouteNotFound);
        }
        codes
    }
}
