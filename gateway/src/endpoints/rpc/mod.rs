//! Requests that become messages: the input on its way in, the reply on its way out.

pub(crate) mod history;
pub(crate) mod reply_shape;
pub(crate) mod request;
pub(crate) mod response;
