//! The HTTP/1.1 transport: sockets, connections, heads and bodies, and the headers of every response.
//!
//! Independent of routes: nothing here imports `routing`, `auth`, `rate_limit`, `endpoints` or `settings`.

pub(crate) mod access_log;
pub(crate) mod client_ip;
pub(crate) mod client_stream;
pub(crate) mod connection;
pub(crate) mod connection_limit;
pub(crate) mod cors;
pub(crate) mod descriptors;
pub(crate) mod early_error;
pub(crate) mod head_scanner;
pub(crate) mod negotiation;
pub(crate) mod open_connections;
pub(crate) mod problem;
pub(crate) mod request_body;
pub(crate) mod request_headers;
pub(crate) mod response_body;
pub(crate) mod sampler;
pub(crate) mod security_headers;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod static_files;
pub(crate) mod throttled_log;
