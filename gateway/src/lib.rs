//! The HTTP door: turns requests into messages and answers into responses.
//!
//! A request's way: `server` takes its connection in, `connection` lets hyper read it, `gateway` finds its row in
//! `routes` (THE TABLE), checks it with `auth` and `input`, and asks its pattern over the bus, or `own` answers; `reply`
//! or `problem` renders what comes back.

mod admin;
mod auth;
mod body;
mod client;
mod codes;
mod connection;
mod cors;
mod crowd;
mod descriptors;
mod feed;
mod fetch;
mod files;
mod gateway;
mod harden;
mod history;
mod incoming;
mod input;
mod journal;
mod keyring;
mod keys;
mod limit_settings;
mod limits;
mod marks;
mod meter;
mod open_connections;
mod own;
mod problem;
mod rate;
mod recent;
mod refused;
mod reply;
mod route;
mod router;
pub mod routes;
mod run;
mod server;
mod settings;
mod system;
mod tally;
mod token;
mod trusted;
mod verified;
mod window;
mod wire;

pub use admin::Admin;
pub use body::Body;
pub use connection::Terms;
pub use files::File;
pub use gateway::Gateway;
pub use limit_settings::LimitSettings;
pub use limits::Limit;
pub use problem::{Problem, level, status};
pub use route::{Address, Ask, Own, Route, Source, Success, Work};
pub use run::{check, run};
pub use server::{Answer, serve};
pub use settings::{AuthMode, GatewaySettings};
pub use system::System;
pub use trusted::TrustedSettings;
