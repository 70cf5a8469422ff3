//! The HTTP door: turns requests into messages and answers into responses.
//!
//! A request's way: `http` accepts its connection and reads its head, `pipeline` takes it through its checks, `routing`
//! finds its row in the table, `auth` and `rate_limit` let it pass, and one of the `endpoints` answers: an RPC to a worker,
//! an event stream, or the gateway itself. Imports go down: `http` knows no other room.

mod auth;
mod bounded_cache;
mod endpoints;
#[cfg(test)]
mod generated_inputs;
mod health;
mod http;
mod metrics;
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
pub use crate::routing::route::{Address, Ask, Builtin, Decode, Route, Source, Success, Work};
pub use crate::run::{check, run};
pub use crate::settings::GatewaySettings;
