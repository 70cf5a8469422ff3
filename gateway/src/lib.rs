//! The HTTP gateway: turns requests into messages, and replies into responses.
//!
//! `http` accepts a connection and reads the head of a request, `pipeline` runs its checks in order, `routing` finds its row
//! in the table, `auth`, `rate_limit` and `overload` admit it, and one of the `endpoints` responds: an RPC to a worker, an
//! event stream, or the gateway itself. Imports go down: `http` imports no other module of the gateway.

mod auth;
mod bounded_cache;
mod endpoints;
#[cfg(test)]
mod generated_inputs;
mod health;
mod http;
mod metrics;
mod overload;
mod pipeline;
mod rate_limit;
pub mod routing;
mod run;
mod settings;

pub use crate::auth::issuer_settings::IssuerSettings;
pub use crate::auth::settings::AuthMode;
pub use crate::endpoints::system::System;
pub use crate::health::Health;
pub use crate::http::connection::ConnectionConfig;
pub use crate::http::problem::{Problem, level, status};
pub use crate::http::response_body::Body;
pub use crate::http::server::serve;
pub use crate::http::service::Service;
pub use crate::http::static_files::File;
pub use crate::metrics::requests::RequestMetrics;
pub use crate::pipeline::Pipeline;
pub use crate::rate_limit::limit::Limit;
pub use crate::rate_limit::settings::LimitSettings;
pub use crate::routing::password_attempt::PasswordAttempt;
pub use crate::routing::route::{Builtin, Decode, Route, RouteBuilder, Rpc, Source, Success, Work};
pub use crate::run::{check, run};
pub use crate::settings::GatewaySettings;
