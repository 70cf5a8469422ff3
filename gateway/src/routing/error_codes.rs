//! Every code that a row can answer with: for the published contract, which must name each.

use contracts::Code;

use crate::routing::route::{Route, Source, Success, Work};

/// What hyper and the checks before any row may say.
const ANY: [Code; 6] = [
    Code::BadRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::RequestTimeout,
    Code::UnsupportedTransferCoding,
    Code::Internal,
];
/// What the check of an access token may say.
const GUARDED: [Code; 3] = [Code::MissingToken, Code::InvalidToken, Code::SessionExpired];
/// What reading a body may say.
const BODY: [Code; 3] = [Code::MalformedJson, Code::BodyTooLarge, Code::UnsupportedMediaType];
/// What asking a pattern may say, whichever it is.
const ASKING: [Code; 7] = [
    Code::BadReply,
    Code::InvalidInput,
    Code::ServiceUnavailable,
    Code::DatabaseUnavailable,
    Code::DatabaseBusy,
    Code::BrokerUnavailable,
    Code::OutcomeUnknown,
];

impl Route {
    /// The codes that any row of this kind may answer with; the pattern's own faults are not among them.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = ANY.to_vec();
        codes.push(Code::Overloaded);
        if self.guarded || self.is_public_by_setting() {
            codes.extend(GUARDED);
        }
        if let Work::Ask(_) = self.work {
            codes.extend(ASKING);
            if self.source == Source::Body {
                codes.extend(BODY);
            }
        }
        if self.success == Success::LiveSubscription {
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
