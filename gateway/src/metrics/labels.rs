//! Labels that several metrics have.

use prometheus_client::encoding::EncodeLabelSet;

/// A request pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Pattern {
    pub(super) pattern: &'static str,
}
