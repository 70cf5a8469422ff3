//! Finds what a change of the contract would break for those who use the released one.

pub(crate) mod breaking;
pub(crate) mod narrower;
