//! Finds what a change of the contract breaks for users of the released one.

pub(crate) mod breaking;
pub(crate) mod narrower;
